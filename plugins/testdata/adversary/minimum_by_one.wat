;; Declares one page more than it may have.
(module
  (memory (export "memory") 65)
  (func (export "handle")))
