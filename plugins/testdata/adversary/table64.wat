;; Its table has indices of 64 bits.
(module
  (table i64 1 funcref)
  (func (export "handle")))
