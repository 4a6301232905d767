;; Guests that call and call.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "log_info" (func $log_info (param i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  ;; The same import, said to take a function of the guest.
  (import "extism:host/env" "var_get" (func $var_get (param funcref) (result i64)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param funcref i64 funcref) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param funcref)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (type $plain (func (result i32)))
  (type $one (func (param i64) (result i64)))
  (table $table 8 funcref)
  (elem (i32.const 0) $recurse $indirect $alloc $log_info $config_get $count_down $entered)
  (global $left (mut i32) (i32.const 0))

  (func $recurse (export "recurse") (result i32) (i32.add (call $recurse) (i32.const 1)))
  (func $indirect (export "indirect") (result i32)
    (i32.add (call_indirect (type $plain) (i32.const 1)) (i32.const 1)))
  ;; Calls the host at every depth, so that some of it happens at the very end of the stack.
  (func $answering (export "answering") (result i32)
    (call $output_set (call $input_offset) (call $input_length))
    (i32.add (call $answering) (i32.const 1)))
  (func $drawing (export "drawing") (result i32)
    (drop (call $random_get (i32.const 0) (i32.const 16)))
    (i32.add (call $drawing) (i32.const 1)))

  ;; Calls itself through its table as often as it likes, while the stack lasts.
  (func $count_down (export "count_down") (result i32)
    (if (i32.eqz (global.get $left)) (then (global.set $left (i32.const 1000))))
    (global.set $left (i32.sub (global.get $left) (i32.const 1)))
    (if (global.get $left) (then (return (call_indirect (type $plain) (i32.const 5)))))
    (call $output_set (call $input_offset) (call $input_length))
    (i32.const 0))
  ;; Functions of the host in the guest's table.
  (func (export "host_through_table")
    (loop $more
      (drop (call_indirect (type $one) (i64.const 65536) (i32.const 2)))
      (br $more)))
  (func (export "host_of_another_type")
    (drop (call_indirect (type $one) (i64.const 0) (i32.const 3))))

  ;; If the host ever called what it is given, this would be logged.
  (func $entered (result i32) (call $log_info (call $input_offset)) (i32.const 0))
  (func (export "function_as_key") (drop (call $var_get (ref.func $entered))))
  (func (export "function_as_address")
    (drop (call $clock (ref.func $entered) (i64.const 0) (ref.func $entered))))
  (func (export "function_as_status") (call $exit (ref.func $entered)))
  (func (export "function_as_result") (result funcref) (ref.func $entered)))
