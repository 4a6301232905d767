;; Throws, and fills the heap of the host with what it throws.
(module
  (tag $tag (param i64))
  (func (export "handle")))
