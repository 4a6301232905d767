;; Wants an exception of the host.
(module
  (import "env" "tag" (tag (param i32)))
  (func (export "handle")))
