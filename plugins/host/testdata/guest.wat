;; A guest that does what its functions' names say: the well-behaved ones first, then the hostile.
(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
  (import "extism:host/env" "log_info" (func $log_info (param i64)))
  (import "extism:host/env" "log_warn" (func $log_warn (param i64)))
  (import "extism:host/env" "http_request" (func $http_request (param i64 i64) (result i64)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

  (memory (export "memory") 1)
  (table $calls 32 32 funcref)
  (data (i32.const 0) "boom")
  (data (i32.const 16) "{\"type\":\"my.NotReady\",\"message\":\"try later\"}")
  (data (i32.const 80) "{\"url\":\"http://127.0.0.1/\"}")
  (data (i32.const 128) "abcdefghijklmnop")
  (data (i32.const 160) "hello\n")
  ;; One vector of fd_write: address 160, 6 bytes.
  (data (i32.const 176) "\a0\00\00\00\06\00\00\00")

  ;; Copies bytes of the guest's memory into a new block.
  (func $block (param $from i32) (param $length i32) (result i64)
    (local $to i64) (local $i i32)
    (local.set $to (call $alloc (i64.extend_i32_u (local.get $length))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $length)))
        (call $store_u8
          (i64.add (local.get $to) (i64.extend_i32_u (local.get $i)))
          (i32.load8_u (i32.add (local.get $from) (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $to))

  (func $output_block (param $block i64)
    (call $output_set (local.get $block) (call $length (local.get $block))))

  (func $echo (export "echo") (result i32)
    (local $n i64) (local $to i64) (local $i i64)
    (local.set $n (call $input_length))
    (local.set $to (call $alloc (local.get $n)))
    (block $done
      (loop $next
        (br_if $done (i64.gt_u (i64.add (local.get $i) (i64.const 8)) (local.get $n)))
        (call $store_u64
          (i64.add (local.get $to) (local.get $i))
          (call $input_load_u64 (local.get $i)))
        (local.set $i (i64.add (local.get $i) (i64.const 8)))
        (br $next)))
    (block $done
      (loop $next
        (br_if $done (i64.ge_u (local.get $i) (local.get $n)))
        (call $store_u8
          (i64.add (local.get $to) (local.get $i))
          (call $input_load_u8 (local.get $i)))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br $next)))
    (call $output_set (local.get $to) (local.get $n))
    (i32.const 0))

  ;; Answers with the input's own block.
  (func $pass (export "pass") (result i32)
    (call $output_set (call $input_offset) (call $input_length))
    (i32.const 0))

  (func $nothing (export "nothing"))

  (func $partial (export "partial") (result i32)
    (call $output_set
      (i64.add (call $block (i32.const 128) (i32.const 16)) (i64.const 2))
      (i64.const 4))
    (i32.const 0))

  ;; Frees its output and changes it after setting it; the output is read when the call ends.
  (func $late (export "late") (result i32)
    (local $to i64)
    (local.set $to (call $block (i32.const 128) (i32.const 4)))
    (call $output_set (local.get $to) (i64.const 4))
    (call $store_u8 (local.get $to) (i32.const 65))
    (call $free (local.get $to))
    (i32.const 0))

  ;; The input is the key.
  (func $config (export "config") (result i32)
    (local $value i64)
    (local.set $value (call $config_get (call $input_offset)))
    (if (i64.eqz (local.get $value)) (then (return (i32.const 7))))
    (call $output_block (local.get $value))
    (i32.const 0))

  ;; Keeps its input for the next call and answers with the last one's.
  (func $remember (export "remember") (result i32)
    (local $last i64)
    (local.set $last (call $var_get (call $block (i32.const 0) (i32.const 1))))
    (call $var_set (call $block (i32.const 0) (i32.const 1)) (call $input_offset))
    (if (i64.ne (local.get $last) (i64.const 0)) (then (call $output_block (local.get $last))))
    (i32.const 0))

  (func $print (export "print") (result i32)
    (call $fd_write (i32.const 1) (i32.const 176) (i32.const 1) (i32.const 256)))

  (func $random (export "random") (result i32)
    (if (call $random_get (i32.const 512) (i32.const 16)) (then (unreachable)))
    (call $output_block (call $block (i32.const 512) (i32.const 16)))
    (i32.const 0))

  ;; Sleeps "for a day", which is over at once.
  (func $sleep (export "sleep") (result i32)
    (i64.store (i32.const 536) (i64.const 86400000000000))
    (if (call $poll_oneoff (i32.const 512) (i32.const 600) (i32.const 1) (i32.const 700))
      (then (unreachable)))
    (if (i32.ne (i32.load (i32.const 700)) (i32.const 1)) (then (unreachable)))
    (i32.load16_u (i32.const 608)))

  (func $open_file (export "open_file") (result i32)
    (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4)
      (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 512)))

  (func $fail (export "fail") (result i32)
    (call $error_set (call $block (i32.const 0) (i32.const 4)))
    (i32.const 1))

  (func $fail_typed (export "fail_typed") (result i32)
    (call $error_set (call $block (i32.const 16) (i32.const 44)))
    (i32.const 1))

  ;; As a runtime does that reports a panic and stops.
  (func $fail_and_stop (export "fail_and_stop") (result i32)
    (call $error_set (call $block (i32.const 0) (i32.const 4)))
    (unreachable))

  (func $return_three (export "return_three") (result i32) (i32.const 3))
  (func $exit (export "exit") (call $proc_exit (i32.const 5)))

  (func $spin (export "spin") (loop $again (br $again)))
  (func $trap (export "trap") (unreachable))
  (func $recurse (export "recurse") (result i32) (i32.add (call $recurse) (i32.const 1)))

  (func $grow (export "grow")
    (loop $more
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (unreachable))

  ;; Takes ten pages for good in every call.
  (func $leak (export "leak")
    (if (i32.eq (memory.grow (i32.const 10)) (i32.const -1)) (then (unreachable))))

  (func $grow_table (export "grow_table") (result i32)
    (table.grow $calls (ref.null func) (i32.const 1000000)))

  (func $alloc_hog (export "alloc_hog")
    (loop $more (drop (call $alloc (i64.const 1048576))) (br $more)))

  (func $alloc_tiny (export "alloc_tiny")
    (loop $more (drop (call $alloc (i64.const 1))) (br $more)))

  ;; If it raised the budget, the hog after it would not be stopped.
  (func $alloc_negative (export "alloc_negative")
    (drop (call $alloc (i64.const -1099511627776)))
    (call $alloc_hog))

  (func $config_hog (export "config_hog")
    (loop $more
      (drop (call $config_get (call $block (i32.const 0) (i32.const 4))))
      (br $more)))

  (func $var_hog (export "var_hog")
    (local $key i64)
    (loop $more
      (local.set $key (call $alloc (i64.const 8)))
      (call $store_u64 (local.get $key) (local.get $key))
      (call $var_set (local.get $key) (call $alloc (i64.const 400)))
      (br $more)))

  (func $output_beyond (export "output_beyond") (result i32)
    (call $output_set (call $block (i32.const 0) (i32.const 4)) (i64.const 500))
    (i32.const 0))

  (func $output_nowhere (export "output_nowhere") (result i32)
    (call $output_set (i64.const 0x7fff000000000000) (i64.const 5))
    (i32.const 0))

  (func $output_negative (export "output_negative") (result i32)
    (call $output_set (call $block (i32.const 0) (i32.const 4)) (i64.const -1))
    (i32.const 0))

  (func $output_huge (export "output_huge") (result i32)
    (call $output_block (call $alloc (i64.const 300000)))
    (i32.const 0))

  (func $store_nowhere (export "store_nowhere")
    (call $store_u8 (i64.add (call $block (i32.const 0) (i32.const 4)) (i64.const 99)) (i32.const 1)))

  (func $log (export "log")
    (call $log_warn (call $block (i32.const 0) (i32.const 4))))

  (func $log_flood (export "log_flood")
    (local $i i32)
    (loop $more
      (call $log_info (call $alloc (i64.const 100)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 5000)))))

  (func $log_long (export "log_long")
    (call $log_info (call $alloc (i64.const 500000))))

  (func $http (export "http")
    (drop (call $http_request (call $block (i32.const 80) (i32.const 27)) (i64.const 0))))

  (elem (i32.const 0) $echo $pass $trap $fail $spin $recurse $grow $leak $alloc_hog
    $alloc_negative $output_beyond $output_huge $log_flood $http $partial $exit)
  (type $function (func (result i32)))
  (type $procedure (func))

  ;; The input's first byte says which of the above: 'a' is $echo.
  (func (export "any") (result i32)
    (local $which i32)
    (local.set $which (i32.sub (call $input_load_u8 (i64.const 0)) (i32.const 97)))
    (block $procedure
      (br_if $procedure (i32.eq (local.get $which) (i32.const 2)))
      (br_if $procedure (i32.eq (local.get $which) (i32.const 4)))
      (br_if $procedure (i32.and
        (i32.ge_u (local.get $which) (i32.const 6)) (i32.le_u (local.get $which) (i32.const 9))))
      (br_if $procedure (i32.and
        (i32.ge_u (local.get $which) (i32.const 12)) (i32.le_u (local.get $which) (i32.const 13))))
      (br_if $procedure (i32.eq (local.get $which) (i32.const 15)))
      (return (call_indirect $calls (type $function) (local.get $which))))
    (call_indirect $calls (type $procedure) (local.get $which))
    (i32.const 0)))
