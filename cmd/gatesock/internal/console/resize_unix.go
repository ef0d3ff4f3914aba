//go:build unix

package console

import (
	"os"
	"os/signal"
	"syscall"
)

// onResize calls f after each change of the terminal's size, until stop.
func onResize(f func()) (stop func()) {
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, syscall.SIGWINCH)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range changes {
			f()
		}
	}()
	return func() {
		signal.Stop(changes)
		close(changes)
		<-ended
	}
}
