//go:build unix

package runtimeapi

import "syscall"

// pipeSize is how many bytes a pipe holds at most, by default.
const pipeSize = 64 << 10

// run reads until all writers have closed the stream.
func (o *output) run() {
	defer o.end()
	_ = o.raw.Read(func(fd uintptr) bool {
		for o.pull(int(fd)) {
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.ended // else waits until there is more
	})
}

// drain reads what has been written until now, so that it belongs to what the instance has done
// until now.
func (o *output) drain() {
	_ = o.raw.Control(func(fd uintptr) { o.pull(int(fd)) })
}

// pull reads what there is, at most what a pipe holds, and reports whether there may be more.
func (o *output) pull(fd int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for read := 0; read < pipeSize && !o.ended; {
		n, err := syscall.Read(fd, o.chunk[:])
		switch {
		case n > 0:
			o.feed(o.chunk[:n])
			read += n
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false
		default:
			o.ended = true
		}
	}
	return !o.ended
}
