//go:build !unix

package runtimeapi

// run reads until all writers have closed the stream.
func (o *output) run() {
	defer o.end()
	for {
		n, err := o.file.Read(o.chunk[:])
		o.mu.Lock()
		o.feed(o.chunk[:n])
		o.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// drain does nothing: the system cannot tell what has been written.
func (o *output) drain() {}
