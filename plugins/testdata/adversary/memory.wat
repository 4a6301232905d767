;; Guests that want more linear memory than there is for them, or reach beyond it.
(module
  (memory (export "memory") 1)
  (table $table 1 funcref)

  (func (export "grow_by_one")
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (unreachable))
  ;; One page more than there may be, and what does not fit into 32 bits: refused, and no harm done.
  (func (export "grow_too_far") (result i32)
    (if (i32.ne (memory.grow (i32.const 64)) (i32.const -1)) (then (return (i32.const 1))))
    (if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then (return (i32.const 2))))
    (if (i32.ne (memory.grow (i32.const -1)) (i32.const -1)) (then (return (i32.const 3))))
    (i32.sub (memory.size) (i32.const 1)))
  ;; Stays alive with all of its memory, touched.
  (func (export "grow_and_keep")
    (drop (memory.grow (i32.const 63)))
    (memory.fill (i32.const 0) (i32.const 1) (i32.mul (memory.size) (i32.const 65536))))
  ;; Takes ten pages for good in every call.
  (func (export "leak")
    (if (i32.eq (memory.grow (i32.const 10)) (i32.const -1)) (then (unreachable))))
  (func (export "load_beyond") (drop (i32.load8_u (i32.const 65536))))
  (func (export "load_far_beyond") (drop (i64.load offset=4294967295 (i32.const -1))))
  (func (export "store_beyond") (i64.store (i32.const 65532) (i64.const 1)))
  (func (export "fill_beyond") (memory.fill (i32.const 1) (i32.const 1) (i32.const -1)))
  (func (export "copy_beyond") (memory.copy (i32.const 0) (i32.const 65535) (i32.const 2)))

  (func (export "grow_table") (result i32) (table.grow $table (ref.null func) (i32.const 1000000)))
  (func (export "grow_table_by_one")
    (loop $more (br_if $more (i32.ne (table.grow $table (ref.null func) (i32.const 1)) (i32.const -1))))
    (unreachable))
  (func (export "call_beyond") (call_indirect (i32.const 1)))
  (func (export "call_nothing") (call_indirect (i32.const 0)))
  (func (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))
  (func (export "convert") (drop (i32.trunc_f64_s (f64.const nan)))))
