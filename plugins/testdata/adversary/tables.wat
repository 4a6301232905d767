;; Many tables, each of a size that would be allowed for one.
(module
  (table 100000 funcref)
  (table 100000 funcref)
  (table 100000 externref)
  (func (export "handle")))
