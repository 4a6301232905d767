;; Its table would be made by the host.
(module
  (import "env" "table" (table 1 funcref))
  (func (export "handle")))
