;; Guests that ask for what their input says: {"url": ...}.
(module
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "http_request" (func $http_request (param i64 i64) (result i64)))
  (import "extism:host/env" "http_status_code" (func $http_status_code (result i32)))
  (memory (export "memory") 1)

  (func $get (export "get") (result i32)
    (local $body i64)
    (local.set $body (call $http_request (call $input_offset) (i64.const 0)))
    (call $output_set (local.get $body) (call $length (local.get $body)))
    (i32.const 0))
  ;; Ends with the status as its own.
  (func (export "status") (result i32) (drop (call $get)) (call $http_status_code))
  (func (export "get_and_spin") (drop (call $get)) (loop $again (br $again)))
  (func (export "get_again_and_again") (loop $again (drop (call $get)) (br $again))))
