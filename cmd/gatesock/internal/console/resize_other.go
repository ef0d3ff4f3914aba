//go:build !unix

package console

// onResize does nothing: the width is asked for each time that the line is drawn.
func onResize(func()) (stop func()) { return func() {} }
