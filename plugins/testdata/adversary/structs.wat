;; Makes a list of structures, which live on the heap of the host.
(module
  (type $node (struct (field (mut (ref null $node)))))
  (global $list (mut (ref null $node)) (ref.null $node))
  (func (export "handle")
    (loop $more (global.set $list (struct.new $node (global.get $list))) (br $more))))
