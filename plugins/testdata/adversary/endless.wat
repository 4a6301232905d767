;; Guests that never end by themselves, each in another place.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "log_info" (func $log_info (param i64)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "asya:host" "state_get" (func $state_get (param i64) (result i64)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (memory (export "memory") 16)

  (func $key (result i64)
    (local $key i64)
    (local.set $key (call $alloc (i64.const 8)))
    (call $store_u64 (local.get $key) (i64.const 0x6b6b6b6b6b6b6b6b))
    (local.get $key))

  (func $spin (export "spin") (loop $again (br $again)))
  (func (export "spin_after_log") (call $log_info (call $key)) (call $spin))
  (func (export "spin_after_config_get") (drop (call $config_get (call $key))) (call $spin))
  (func (export "spin_after_var_get") (drop (call $var_get (call $key))) (call $spin))
  (func (export "spin_after_state_get") (drop (call $state_get (call $key))) (call $spin))
  (func (export "spin_after_output")
    (call $output_set (call $key) (i64.const 8))
    (call $spin))
  (func (export "spin_after_error") (call $error_set (call $key)) (call $spin))

  ;; Moving bytes is not counted.
  (func (export "move_bytes")
    (local $key i64)
    (local.set $key (call $key))
    (loop $again (call $store_u64 (local.get $key) (i64.const 1)) (br $again)))
  (func (export "set_outputs")
    (local $key i64)
    (local.set $key (call $key))
    (loop $again (call $output_set (local.get $key) (i64.const 8)) (br $again)))
  (func (export "set_errors")
    (local $block i64)
    (local.set $block (call $alloc (i64.const 1000000)))
    (loop $again (call $error_set (local.get $block)) (br $again)))

  ;; Waits for a day, again and again: each time is over at once.
  (func (export "poll")
    (i64.store (i32.const 24) (i64.const 86400000000000))
    (loop $again
      (drop (call $poll_oneoff (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)))
      (br $again)))
  ;; Ten thousand subscriptions at a time.
  (func (export "poll_many")
    (loop $again
      (drop (call $poll_oneoff (i32.const 0) (i32.const 500000) (i32.const 10000) (i32.const 8)))
      (br $again)))
  (func (export "clock")
    (loop $again
      (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 0)))
      (br $again)))
  (func (export "random")
    (loop $again (drop (call $random_get (i32.const 0) (i32.const 1048576))) (br $again)))
  (func (export "yield") (loop $again (drop (call $sched_yield)) (br $again)))
  ;; Instructions that work for long without a chance to be interrupted between.
  (func (export "fill")
    (loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 1048576)) (br $again)))

  ;; One wait, which is over at once: the only one here that ends.
  (func (export "sleep") (result i32)
    (i64.store (i32.const 24) (i64.const 86400000000000))
    (call $poll_oneoff (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200))))
