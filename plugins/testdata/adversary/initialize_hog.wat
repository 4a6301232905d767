;; Takes the host's memory before its first call.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (memory (export "memory") 1)
  (func (export "_initialize")
    (loop $more (drop (call $alloc (i64.const 65536))) (br $more)))
  (func (export "handle")))
