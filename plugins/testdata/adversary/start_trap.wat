;; Its start section ends in a trap.
(module
  (memory (export "memory") 1)
  (func $work (unreachable))
  (start $work)
  (func (export "handle")))
