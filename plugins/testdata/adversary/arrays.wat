;; Makes an array of a gigabyte, which lives on the heap of the host.
(module
  (type $bytes (array (mut i8)))
  (func (export "handle") (drop (array.new_default $bytes (i32.const 1000000000)))))
