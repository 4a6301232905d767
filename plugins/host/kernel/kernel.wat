;; The memory that a guest and its host share: blocks of bytes, as the guest ABI of Extism knows
;; them. A guest copies into and out of it eight bytes at a time, so this is WebAssembly itself:
;; calls from module to module cost a fraction of calls into JavaScript.
;;
;; Blocks are handed out one after the other and all forgotten when the next call begins. Before
;; each: its length (4 bytes) and a tag (4 bytes). A guest may write over both, and harms itself.
(module
  (import "host" "memory" (memory 1 65536))
  ;; Both throw.
  (import "host" "refuse_allocation" (func $refuse_allocation (param i64)))
  (import "host" "refuse_access" (func $refuse_access (param i64)))

  ;; The first free byte, and the end of what this call may have.
  (global $top (export "top") (mut i32) (i32.const 16))
  (global $limit (mut i32) (i32.const 16))
  (global $input_offset (mut i32) (i32.const 0))
  (global $input_length (mut i32) (i32.const 0))

  ;; Forgets all blocks; the call that begins may have memory up to `limit`.
  (func (export "begin") (param $limit i32)
    (global.set $top (i32.const 16))
    (global.set $limit (local.get $limit))
    (global.set $input_offset (i32.const 0))
    (global.set $input_length (i32.const 0)))

  (func (export "set_input") (param $address i32) (param $length i32)
    (global.set $input_offset (local.get $address))
    (global.set $input_length (local.get $length)))

  ;; Doubles the memory where that is enough and possible, so that it grows few times.
  (func $grow (param $pages i32) (param $bytes i64)
    (if (i32.le_u (local.get $pages) (memory.size))
      (then (if (i32.ne (memory.grow (memory.size)) (i32.const -1)) (then (return)))))
    (if (i32.eq (memory.grow (local.get $pages)) (i32.const -1))
      (then (call $refuse_allocation (local.get $bytes)))))

  ;; 0 for 0 bytes.
  (func (export "alloc") (param $bytes i64) (result i64)
    (local $end i64) (local $address i32) (local $missing i32)
    (if (i64.eqz (local.get $bytes)) (then (return (i64.const 0))))
    (if (i64.gt_u (local.get $bytes) (i64.const 0xffffffff))
      (then (call $refuse_allocation (local.get $bytes))))
    (local.set $end
      (i64.add
        (i64.extend_i32_u (global.get $top))
        (i64.and (i64.add (local.get $bytes) (i64.const 15)) (i64.const -8))))
    (if (i64.gt_u (local.get $end) (i64.extend_i32_u (global.get $limit)))
      (then (call $refuse_allocation (local.get $bytes))))
    (local.set $missing
      (i32.sub
        (i32.wrap_i64 (i64.shr_u (i64.add (local.get $end) (i64.const 65535)) (i64.const 16)))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then (call $grow (local.get $missing) (local.get $bytes))))
    (local.set $address (i32.add (global.get $top) (i32.const 8)))
    (i32.store (global.get $top) (i32.wrap_i64 (local.get $bytes)))
    (i32.store offset=4 (global.get $top) (i32.const 0x61797361))
    (global.set $top (i32.wrap_i64 (local.get $end)))
    (i64.extend_i32_u (local.get $address)))

  (func (export "free") (param i64))

  ;; 0 for what is no block.
  (func $length (export "length") (export "length_unsafe") (param $address i64) (result i64)
    (local $at i32) (local $bytes i64)
    (if (i64.ge_u (local.get $address) (i64.extend_i32_u (global.get $top)))
      (then (return (i64.const 0))))
    (local.set $at (i32.wrap_i64 (local.get $address)))
    (if (i32.or
          (i32.lt_u (local.get $at) (i32.const 24))
          (i32.and (local.get $at) (i32.const 7)))
      (then (return (i64.const 0))))
    (if (i32.ne (i32.load (i32.sub (local.get $at) (i32.const 4))) (i32.const 0x61797361))
      (then (return (i64.const 0))))
    (local.set $bytes (i64.load32_u (i32.sub (local.get $at) (i32.const 8))))
    (if (i64.gt_u
          (i64.add (local.get $address) (local.get $bytes))
          (i64.extend_i32_u (global.get $top)))
      (then (return (i64.const 0))))
    (local.get $bytes))

  ;; Throws unless `size` bytes at the address were handed out.
  (func $check (param $address i64) (param $size i32)
    (if (i64.gt_u
          (local.get $address)
          (i64.extend_i32_u (i32.sub (global.get $top) (local.get $size))))
      (then (call $refuse_access (local.get $address)))))

  (func (export "load_u8") (param $address i64) (result i32)
    (call $check (local.get $address) (i32.const 1))
    (i32.load8_u (i32.wrap_i64 (local.get $address))))
  (func (export "load_u64") (param $address i64) (result i64)
    (call $check (local.get $address) (i32.const 8))
    (i64.load (i32.wrap_i64 (local.get $address))))
  (func (export "store_u8") (param $address i64) (param $value i32)
    (call $check (local.get $address) (i32.const 1))
    (i32.store8 (i32.wrap_i64 (local.get $address)) (local.get $value)))
  (func (export "store_u64") (param $address i64) (param $value i64)
    (call $check (local.get $address) (i32.const 8))
    (i64.store (i32.wrap_i64 (local.get $address)) (local.get $value)))

  (func (export "input_offset") (result i64)
    (i64.extend_i32_u (global.get $input_offset)))
  (func (export "input_length") (result i64)
    (i64.extend_i32_u (global.get $input_length)))
  (func (export "input_load_u8") (param $offset i64) (result i32)
    (if (i64.ge_u (local.get $offset) (i64.extend_i32_u (global.get $input_length)))
      (then (call $refuse_access (local.get $offset))))
    (i32.load8_u (i32.add (global.get $input_offset) (i32.wrap_i64 (local.get $offset)))))
  (func (export "input_load_u64") (param $offset i64) (result i64)
    (if (i32.or
          (i64.gt_u (local.get $offset) (i64.const 0xffffffff))
          (i64.gt_u
            (i64.add (local.get $offset) (i64.const 8))
            (i64.extend_i32_u (global.get $input_length))))
      (then (call $refuse_access (local.get $offset))))
    (i64.load (i32.add (global.get $input_offset) (i32.wrap_i64 (local.get $offset))))))
