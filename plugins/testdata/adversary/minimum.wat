;; Declares 4 GiB less one page of memory.
(module
  (memory (export "memory") 65535)
  (func (export "handle")))
