;; Guests whose answers are too much, from nowhere, or no text.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "asya:host" "partial" (func $partial (param i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)

  ;; A block of eight bytes.
  (func $word (param $bytes i64) (result i64)
    (local $block i64)
    (local.set $block (call $alloc (i64.const 8)))
    (call $store_u64 (local.get $block) (local.get $bytes))
    (local.get $block))

  (func (export "huge") (call $output_set (call $alloc (i64.const 200001)) (i64.const 200001)))
  (func (export "beyond") (call $output_set (call $word (i64.const 0)) (i64.const 9)))
  (func (export "nowhere") (call $output_set (i64.const 0x7fff000000000000) (i64.const 5)))
  (func (export "negative") (call $output_set (call $word (i64.const 0)) (i64.const -1)))
  (func (export "negative_place") (call $output_set (i64.const -8) (i64.const 8)))
  ;; The last one counts; none was copied before.
  (func (export "again_and_again")
    (local $i i32) (local $block i64)
    (local.set $block (call $alloc (i64.const 200000)))
    (loop $more
      (call $output_set (local.get $block) (i64.const 200000))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 20000))))
    (call $output_set (call $word (i64.const 0x2020202020202031)) (i64.const 1)))

  ;; Bytes that are no UTF-8, no JSON, half of a JSON, half of a character.
  (func (export "no_utf8") (call $output_set (call $word (i64.const 0x20202020fffefffe)) (i64.const 4)))
  (func (export "no_json") (call $output_set (call $word (i64.const 0x203a7d2c5d207b5b)) (i64.const 8)))
  (func (export "half_json") (call $output_set (call $word (i64.const 0x202c312c315b6122)) (i64.const 8)))
  (func (export "half_character") (call $output_set (call $word (i64.const 0x2020202020c34122)) (i64.const 3)))
  (func (export "nul_bytes") (call $output_set (call $alloc (i64.const 100)) (i64.const 100)))
  ;; Brackets as deep as they go.
  (func (export "nested")
    (local $block i64) (local $i i64)
    (local.set $block (call $alloc (i64.const 200000)))
    (loop $more
      (call $store_u64
        (i64.add (local.get $block) (local.get $i)) (i64.const 0x5b5b5b5b5b5b5b5b))
      (local.set $i (i64.add (local.get $i) (i64.const 8)))
      (br_if $more (i64.lt_u (local.get $i) (i64.const 200000))))
    (call $output_set (local.get $block) (i64.const 200000)))

  (func (export "error_nowhere") (call $error_set (i64.const 12345678)))
  (func (export "error_no_utf8") (call $error_set (call $word (i64.const 0xfffefffefffefffe))))
  (func (export "partial_no_json") (call $partial (call $word (i64.const 0x203a7d2c5d207b5b))))
  (func (export "partial_nowhere") (call $partial (i64.const 12345678)))
  (func (export "partial_count")
    (local $block i64)
    (local.set $block (call $word (i64.const 0x2020202020202031)))
    (loop $more (call $partial (local.get $block)) (br $more)))
  ;; A text of JSON with a million characters, again and again.
  (func (export "partial_bytes")
    (local $block i64) (local $i i64)
    (local.set $block (call $alloc (i64.const 1000000)))
    (loop $more
      (call $store_u64
        (i64.add (local.get $block) (local.get $i)) (i64.const 0x2020202020202020))
      (local.set $i (i64.add (local.get $i) (i64.const 8)))
      (br_if $more (i64.lt_u (local.get $i) (i64.const 1000000))))
    (call $store_u64 (local.get $block) (i64.const 0x2020202020202031))
    (loop $more (call $partial (local.get $block)) (br $more)))

  (func (export "exit") (call $proc_exit (i32.const 5)))
  (func (export "exit_well") (call $proc_exit (i32.const 0)))
  (func (export "status") (result i32) (i32.const 3))
  (func (export "not_a_number") (result f64) (f64.const nan))
  (func (export "several") (result i32 i64) (i32.const 0) (i64.const 0))
  (func (export "reference") (result funcref) (ref.func $word))
  (func (export "nothing_referred_to") (result externref) (ref.null extern))
  (func (export "vector") (result v128) (v128.const i64x2 1 2))
  (func (export "parameters") (param i32) (result i32) (i32.const 0))
  (elem declare func $word))
