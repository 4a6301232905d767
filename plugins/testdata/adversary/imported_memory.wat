;; Its memory would be made by the host.
(module
  (import "env" "memory" (memory 1))
  (func (export "handle")))
