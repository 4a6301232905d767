;; Uses the actor's state before its first call.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "asya:host" "state_set" (func $state_set (param i64 i64)))
  (memory (export "memory") 1)
  (func (export "_initialize")
    (call $state_set (call $alloc (i64.const 8)) (call $alloc (i64.const 8))))
  (func (export "handle")))
