;; Wants a value of the host.
(module
  (import "env" "global" (global i32))
  (func (export "handle")))
