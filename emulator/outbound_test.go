package emulator

import (
	"bufio"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCloseFrameBehindASlowWrite: the close frame has its own grace, from when its writing begins. What was written
// before it, or a machine that comes late to the writing, does not use it up.
func TestCloseFrameBehindASlowWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe() // it takes nothing that is not read
		var running tracker
		out := newOutbound(&running, 1<<10)
		out.attach(there)
		require.NoError(t, out.Send([]byte("slow")))
		synctest.Wait()
		out.Close(1001, "bye")
		frames, in := make(chan string, 1), bufio.NewReader(here)
		require.NoError(t, here.SetReadDeadline(time.Now().Add(time.Minute))) // of the bubble
		<-time.After(closeGrace * 9 / 10)
		_, err := in.Peek(1) // the pipe hands over the whole write
		require.NoError(t, err)
		<-time.After(closeGrace * 9 / 10)
		require.Equal(t, CloseStatus{1001, "bye"}, readFrames(in, frames))
		require.Equal(t, "slow", <-frames)
		require.NoError(t, out.finish())
		require.NoError(t, here.Close())
	})
}
