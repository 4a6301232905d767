;; Never gets past its start section.
(module
  (memory (export "memory") 1)
  (func $work (loop $again (br $again)))
  (start $work)
  (func (export "handle")))
