;; Its memory would be seen by several threads.
(module
  (memory (export "memory") 1 2 shared)
  (func (export "handle")))
