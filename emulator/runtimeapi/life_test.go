//go:build linux

package runtimeapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

// spawn lets a puppet start a process of its own.
func (p *puppet) spawn(tb testing.TB) int {
	tb.Helper()
	pid, err := strconv.Atoi(p.do("spawn"))
	require.NoError(tb, err)
	return pid
}

func requireError(t *testing.T, err error, kind, message string) {
	t.Helper()
	var failed *runtimeapi.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, kind, failed.Type)
	require.Contains(t, failed.Message, message)
}

// TestTimeout lets an invocation take too long. The instance ends with all that it has started, and
// the next invocation has another one.
func TestTimeout(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, func(cfg *runtimeapi.Config) { cfg.Timeout = 2500 * time.Millisecond })
	p, next := x.warm(t)
	child := p.spawn(t)
	done := x.invoke(context.Background(), "1")
	n := <-next
	x.clock.Advance(2499 * time.Millisecond)
	require.Empty(t, done)
	x.clock.Advance(time.Millisecond)
	message := "RequestId: " + n.id() + " Error: Task timed out after 2.50 seconds"
	requireError(t, (<-done).err, runtimeapi.TypeTimeout, message)
	awaitEnd(p.hello.PID)
	awaitEnd(child)
	r := <-x.reports
	require.Equal(t, message, r.Err.Message)
	require.Equal(t, 2500*time.Millisecond, r.Duration)
	require.False(t, r.Replied)
	require.Equal(t, message, (<-x.lines).Text)

	done = x.invoke(context.Background(), "2")
	p = x.puppet(t)
	n = <-p.next()
	require.Equal(t, "2", n.body)
	p.reply(n.id(), "two")
	require.Equal(t, outcome{"two", nil}, <-done)
}

// TestTimeoutAfterTheReply has a program that replies and does not ask for more.
func TestTimeoutAfterTheReply(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, next := x.warm(t)
	done := x.invoke(context.Background(), "1")
	n := <-next
	p.reply(n.id(), "one")
	require.Equal(t, outcome{"one", nil}, <-done)
	x.clock.Advance(3 * time.Second)
	r := <-x.reports
	require.True(t, r.Replied)
	require.Equal(t, runtimeapi.TypeTimeout, r.Err.Type)
	awaitEnd(p.hello.PID)
}

// TestEndAfterTheReply has a program that ends when it has replied: the caller has the reply.
func TestEndAfterTheReply(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, next := x.warm(t)
	done := x.invoke(context.Background(), "1")
	n := <-next
	p.reply(n.id(), "one")
	p.do("exit 4")
	require.Equal(t, outcome{"one", nil}, <-done)
	r := <-x.reports
	require.True(t, r.Replied)
	requireError(t, r.Err, runtimeapi.TypeExit, "exit status 4")
	_, _ = x.warm(t)
}

// TestKilledByAnother has a process that someone else kills, in an invocation and between two.
func TestKilledByAnother(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, next := x.warm(t)
	child := p.spawn(t)
	done := x.invoke(context.Background(), "1")
	<-next
	kill(t, p.hello.PID)
	requireError(t, (<-done).err, runtimeapi.TypeExit, "Runtime exited with error: signal: killed")
	awaitEnd(child)
	require.Equal(t, "signal: killed", strings.SplitN((<-x.lines).Text, "error: ", 2)[1])
	<-x.reports
	p, _ = x.warm(t)
	kill(t, p.hello.PID)
	require.Equal(t, "Runtime exited with error: signal: killed", (<-x.lines).Text)
	_, _ = x.warm(t)
}

func kill(tb testing.TB, pid int) {
	tb.Helper()
	process, err := os.FindProcess(pid)
	require.NoError(tb, err)
	require.NoError(tb, process.Kill())
}

// TestProcessApart has a program start a process in a session of its own, as a browser is. It ends
// with the instance all the same, also if it is stopped.
func TestProcessApart(t *testing.T) {
	t.Parallel()
	for _, stops := range []bool{true, false} {
		x := newTheatre(t, nil)
		p, _ := x.warm(t)
		child, err := strconv.Atoi(p.do("spawn setsid"))
		require.NoError(t, err)
		ticker := time.NewTicker(time.Millisecond)
		for sessionOf(child) != child {
			<-ticker.C
		}
		ticker.Stop()
		if stops {
			require.NoError(t, syscall.Kill(child, syscall.SIGSTOP))
			awaitState(child, stopped)
		}
		require.NoError(t, x.Close(context.Background()))
		awaitEnd(child)
	}
}

// TestStartTimeout starts a program that does not ask for an invocation, twice. The second start
// and the invocation share the function's timeout.
func TestStartTimeout(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	done := x.invoke(context.Background(), "1")
	first := x.puppet(t)
	x.clock.Advance(10 * time.Second)
	require.Equal(t, "the program did not start: Sandbox.Timedout: Task timed out after 10.00 seconds; "+
		"starting it once more, as Lambda does", (<-x.lines).Text)
	awaitEnd(first.hello.PID)
	second := x.puppet(t)
	x.clock.Advance(2 * time.Second)
	n := <-second.next()
	require.Equal(t, strconv.FormatInt(x.clock.Now().Add(time.Second).UnixMilli(), 10), n.header.Get("Lambda-Runtime-Deadline-Ms"))
	x.clock.Advance(time.Second)
	requireError(t, (<-done).err, runtimeapi.TypeTimeout, "Task timed out after 3.00 seconds")
	<-x.reports
	require.Contains(t, (<-x.lines).Text, "Task timed out after 3.00 seconds")

	done = x.invoke(context.Background(), "2")
	x.puppet(t)
	x.clock.Advance(10 * time.Second)
	x.puppet(t)
	x.clock.Advance(3 * time.Second)
	o := <-done
	r := <-x.reports
	requireError(t, o.err, runtimeapi.TypeTimeout, "RequestId: "+r.RequestID+" Error: Task timed out after 3.00 seconds")
	require.Empty(t, x.puppets)
}

// TestWarmAfterStartTimeout warms a program whose second start succeeds. The invocation that comes
// later has the whole timeout.
func TestWarmAfterStartTimeout(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	warm := make(chan error, 1)
	go func() { warm <- x.Warm(context.Background()) }()
	x.puppet(t)
	x.clock.Advance(10 * time.Second)
	second := x.puppet(t)
	next := second.next()
	require.NoError(t, <-warm)
	x.clock.Advance(2 * time.Second)
	done := x.invoke(context.Background(), "1")
	n := <-next
	require.Equal(t, strconv.FormatInt(x.clock.Now().Add(3*time.Second).UnixMilli(), 10), n.header.Get("Lambda-Runtime-Deadline-Ms"))
	x.clock.Advance(2 * time.Second)
	second.reply(n.id(), "ok")
	require.Equal(t, outcome{"ok", nil}, <-done)
}

// TestConcurrency has more invocations than instances. They wait in their order.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, func(cfg *runtimeapi.Config) { cfg.Concurrency = 2 })
	a, nextA := x.warm(t)
	one := x.invoke(context.Background(), "1")
	n1 := <-nextA
	two := x.invoke(context.Background(), "2")
	b := x.puppet(t)
	n2 := <-b.next()
	require.Equal(t, "2", n2.body)
	three := x.invoke(context.Background(), "3")
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := x.invoke(ctx, "gone")
	cancel(nil)
	err := (<-gone).err
	requireError(t, err, runtimeapi.TypeThrottled, "Rate Exceeded.")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, runtimeapi.TypeThrottled, (<-x.reports).Err.Type)
	b.reply(n2.id(), "two")
	n3 := <-b.next()
	require.Equal(t, "3", n3.body)
	require.Equal(t, outcome{"two", nil}, <-two)
	b.reply(n3.id(), "three")
	require.Equal(t, outcome{"three", nil}, <-three)
	a.reply(n1.id(), "one")
	require.Equal(t, outcome{"one", nil}, <-one)
	require.Empty(t, x.puppets)

	// The one that was used last goes first, so that the other one can end.
	nextB := b.next()
	<-x.reports // two
	<-x.reports // three
	nextA = a.next()
	<-x.reports // one
	for range 2 {
		x.invoke(context.Background(), "again")
		n := <-nextA
		a.reply(n.id(), "one")
		nextA = a.next()
		<-x.reports
	}
	require.Empty(t, nextB)
}

// TestCallerLeaves has a caller whose context ends in the middle of an invocation, which goes on.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, next := x.warm(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := x.invoke(ctx, "1")
	n := <-next
	cancel()
	require.Equal(t, outcome{"", context.Canceled}, <-done)
	require.Equal(t, http.StatusAccepted, p.reply(n.id(), "one").status)
	next = p.next()
	r := <-x.reports
	require.Nil(t, r.Err)
	require.True(t, r.Replied)
	done = x.invoke(context.Background(), "2")
	require.Equal(t, "2", (<-next).body)
	require.Empty(t, done)
}

// TestIdleEnds checks that instances with nothing to do are frozen, and end.
func TestIdleEnds(t *testing.T) {
	t.Parallel()
	for _, freezes := range []bool{true, false} {
		x := newTheatre(t, func(cfg *runtimeapi.Config) { cfg.NoFreeze, cfg.IdleTimeout = !freezes, time.Minute })
		p, next := x.warm(t)
		for range 2 {
			x.clock.Advance(5*time.Millisecond - 1)
			awaitState(p.hello.PID, goesOn)
			x.clock.Advance(1)
			if freezes {
				awaitState(p.hello.PID, stopped)
			}
			x.clock.Advance(time.Minute - 6*time.Millisecond)
			require.Equal(t, freezes, stopped(stateOf(p.hello.PID)))
			done := x.invoke(context.Background(), "1")
			n := <-next
			awaitState(p.hello.PID, goesOn)
			p.reply(n.id(), "one")
			<-done
			x.clock.Advance(time.Second)
			require.True(t, goesOn(stateOf(p.hello.PID)), "it runs on until it asks for more")
			next = p.next()
			<-x.reports
		}
		x.clock.Advance(time.Minute)
		awaitEnd(p.hello.PID)
		require.Empty(t, x.lines)
		_, _ = x.warm(t)
	}
}

// TestBusyIsNotFrozen checks that an instance with one invocation after the other runs on.
func TestBusyIsNotFrozen(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, next := x.warm(t)
	for range 20 {
		done := x.invoke(context.Background(), "1")
		n := <-next
		p.reply(n.id(), "one")
		<-done
		next = p.next()
		<-x.reports
		x.clock.Advance(4 * time.Millisecond)
		require.False(t, stopped(stateOf(p.hello.PID)))
	}
	x.clock.Advance(time.Millisecond)
	awaitState(p.hello.PID, stopped)
}

// TestLate checks what belongs to which invocation.
func TestLate(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	warm := make(chan error, 1)
	go func() { warm <- x.Warm(context.Background()) }()
	p := x.puppet(t)
	p.do("out starting")
	activity, ok := x.Activity("function.1")
	require.True(t, ok)
	require.Zero(t, activity)
	next := p.next()
	require.NoError(t, <-warm)
	require.Equal(t, "starting", (<-x.lines).Text)
	p.do("out started")
	l := <-x.lines
	require.Empty(t, l.RequestID)
	require.False(t, l.Late)

	for range 2 {
		done := x.invoke(context.Background(), "1")
		n := <-next
		activity, _ = x.Activity("function.1")
		require.Equal(t, runtimeapi.Activity{RequestID: n.id()}, activity)
		p.do("out during")
		p.reply(n.id(), "one")
		<-done
		p.do(`err {"level":"info"}`)
		next = p.next()
		<-x.reports
		activity, _ = x.Activity("function.1")
		require.Equal(t, runtimeapi.Activity{RequestID: n.id(), Late: true}, activity)
		p.do("out after")
		p.do("out-part end")
		want := []runtimeapi.Line{
			{Stream: runtimeapi.Stdout, Text: "during"},
			{Stream: runtimeapi.Stderr, Text: `{"level":"info"}`, JSON: true}, // this may come first
			{Stream: runtimeapi.Stdout, Text: "after", Late: true},
		}
		var got []runtimeapi.Line
		for i := range want {
			want[i].Time, want[i].Instance, want[i].RequestID = x.clock.Now(), "function.1", n.id()
			got = append(got, <-x.lines)
		}
		require.ElementsMatch(t, want, got)
		p.do("out ") // ends the line
		require.Equal(t, "end", (<-x.lines).Text)
	}
	_, ok = x.Activity("function.2")
	require.False(t, ok)
}

// TestLinesBeforeTheyAreRead checks that lines belong to the invocation that has written them,
// however late they are read: the test lets the reader wait, and what comes next waits for that.
func TestLinesBeforeTheyAreRead(t *testing.T) {
	t.Parallel()
	var x *theatre
	entered, leave := make(chan struct{}), make(chan struct{})
	x = newTheatre(t, func(cfg *runtimeapi.Config) {
		cfg.Log = func(l runtimeapi.Line) {
			if l.Text == "stop" {
				entered <- struct{}{}
				<-leave
			}
			x.lines <- l
		}
	})
	p, next := x.warm(t)
	stays := func(want runtimeapi.Activity) {
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for range 50 { // time to go wrong
			<-ticker.C
			got, _ := x.Activity("function.1")
			require.Equal(t, want, got)
		}
	}
	written := func(late bool, id string) {
		leave <- struct{}{}
		require.Equal(t, "stop", (<-x.lines).Text)
		for range 2 {
			l := <-x.lines
			require.Equal(t, "waits", l.Text)
			require.Equal(t, id, l.RequestID)
			require.Equal(t, late, l.Late)
		}
	}
	done := x.invoke(context.Background(), "1")
	n := <-next
	p.do("out stop")
	<-entered
	p.do("out waits")
	p.do("err waits")
	p.reply(n.id(), "one")
	require.Equal(t, outcome{"one", nil}, <-done)
	next = p.next()
	stays(runtimeapi.Activity{RequestID: n.id()})
	written(false, n.id())
	<-x.reports

	p.do("out stop")
	<-entered
	p.do("out waits")
	p.do("err waits")
	done = x.invoke(context.Background(), "2")
	stays(runtimeapi.Activity{RequestID: n.id(), Late: true})
	require.Empty(t, next)
	written(true, n.id())
	require.Equal(t, "2", (<-next).body)
	require.Empty(t, done)
}

// TestLinesOfOutput checks how output is cut into lines, and that the last one needs no end.
func TestLinesOfOutput(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, next := x.warm(t)
	done := x.invoke(context.Background(), "1")
	<-next
	p.do("long")
	p.do("out a\r")
	p.do("out \xff{")
	p.do("out {x}")
	p.do("out-part the last")
	p.do("exit 0")
	<-done
	report := <-x.reports // after the lines
	var got []string
	for len(x.lines) > 0 {
		l := <-x.lines
		require.False(t, l.JSON)
		got = append(got, l.Text)
	}
	require.Equal(t, []string{
		strings.Repeat("x", 256<<10), strings.Repeat("x", 44<<10), "a", "\ufffd{", "{x}", "the last",
		"RequestId: " + report.RequestID + " Error: Runtime exited without providing a reason",
	}, got)
}

// TestReplace brings a new program while the old one works.
func TestReplace(t *testing.T) {
	t.Parallel()
	gone := make(chan string, 10)
	x := newTheatre(t, func(cfg *runtimeapi.Config) {
		cfg.Concurrency, cfg.InstanceEnd = 2, func(name string) { gone <- name }
	})
	busy, next := x.warm(t)
	running := x.invoke(context.Background(), "1")
	n := <-next
	other := x.invoke(context.Background(), "2")
	idle := x.puppet(t)
	n2 := <-idle.next()
	waiting := x.invoke(context.Background(), "3")
	idle.reply(n2.id(), "two")
	require.Equal(t, outcome{"two", nil}, <-other)
	x.Hold()
	idle.next()
	<-x.reports // it waits, and gets nothing
	held := x.invoke(context.Background(), "4")

	cfg := x.cfg
	cfg.Env = append(cfg.Env, "VERSION=2")
	cfg.FunctionName, cfg.Log, cfg.Report, cfg.Clock = "", nil, nil, nil
	require.NoError(t, x.Replace(cfg))
	require.Equal(t, "function.2", <-gone)
	require.Empty(t, stateOf(idle.hello.PID))
	for range 2 {
		p := x.puppet(t)
		require.Equal(t, "2", p.env("VERSION"))
		require.Equal(t, "function", p.env("AWS_LAMBDA_FUNCTION_NAME"))
		n := <-p.next()
		p.reply(n.id(), "new "+n.body)
	}
	require.Equal(t, outcome{"new 3", nil}, <-waiting)
	require.Equal(t, outcome{"new 4", nil}, <-held)

	require.Equal(t, http.StatusAccepted, busy.reply(n.id(), "one").status)
	require.Equal(t, outcome{"one", nil}, <-running)
	require.Error(t, (<-busy.next()).err)
	awaitEnd(busy.hello.PID)
	require.Nil(t, (<-x.reports).Err)
	require.Empty(t, x.lines)
}

// TestReplaceWhileItStarts brings a new program while the old one has not asked for an invocation.
func TestReplaceWhileItStarts(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	done := x.invoke(context.Background(), "1")
	first := x.puppet(t)
	require.NoError(t, x.Replace(x.cfg))
	awaitEnd(first.hello.PID)
	p := x.puppet(t)
	n := <-p.next()
	p.reply(n.id(), "one")
	require.Equal(t, outcome{"one", nil}, <-done)
	require.Empty(t, x.lines)
}

// dyingStart returns a function with an invocation that waits for an instance, which has taken too
// long to start and is as good as ended: it ends when end is called, and is gone when that returns.
func dyingStart(t *testing.T) (x *theatre, waiting <-chan outcome, end func()) {
	t.Helper()
	entered, leave, gone := make(chan struct{}), make(chan struct{}), make(chan struct{}, 10)
	x = newTheatre(t, func(cfg *runtimeapi.Config) {
		cfg.InstanceEnd = func(string) { gone <- struct{}{} }
		cfg.Log = func(l runtimeapi.Line) {
			if l.Text == "stop" {
				entered <- struct{}{}
				<-leave
				return
			}
			x.lines <- l
		}
	})
	waiting = x.invoke(context.Background(), "1")
	p := x.puppet(t)
	p.do("out stop")
	<-entered
	x.clock.Advance(10 * time.Second)
	awaitEnd(p.hello.PID)
	return x, waiting, func() {
		close(leave)
		<-gone
	}
}

// TestReplaceWhileAStartFails brings a new program while the start of the old one is failing: the
// invocation that waits gets the new program and not the old one's error.
func TestReplaceWhileAStartFails(t *testing.T) {
	t.Parallel()
	x, waiting, end := dyingStart(t)
	require.NoError(t, x.Replace(x.cfg))
	end()
	p := x.puppet(t)
	n := <-p.next()
	p.reply(n.id(), "new")
	require.Equal(t, outcome{"new", nil}, <-waiting)
	require.Empty(t, x.lines)
}

// TestHoldWhileAStartFails has a start fail while a new program is built: the invocation that waits
// waits for that, also if it is the old one that goes on.
func TestHoldWhileAStartFails(t *testing.T) {
	t.Parallel()
	x, waiting, end := dyingStart(t)
	x.Hold()
	warm := make(chan error, 1)
	go func() { warm <- x.Warm(context.Background()) }()
	end()
	require.Equal(t, "the program did not start: Sandbox.Timedout: Task timed out after 10.00 seconds", (<-x.lines).Text)
	require.Empty(t, x.puppets)
	x.Resume()
	p := x.puppet(t)
	n := <-p.next()
	p.reply(n.id(), "again")
	require.Equal(t, outcome{"again", nil}, <-waiting)
	require.NoError(t, <-warm)
}

// TestEventThatIsNotRead hands a large event to a program that does not read it. The caller need
// not wait for that.
func TestEventThatIsNotRead(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, next := x.warm(t)
	raw := p.dial(t)
	require.NoError(t, raw.(*net.TCPConn).SetReadBuffer(4096))
	_, err := io.WriteString(raw, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: "+p.env("AWS_LAMBDA_RUNTIME_API")+"\r\n\r\n")
	require.NoError(t, err)
	require.Error(t, (<-next).err) // now the other connection waits
	ctx, cancel := context.WithCancel(context.Background())
	done := x.invoke(ctx, strings.Repeat("x", 6<<20))
	status, err := raw.Read(make([]byte, 1))
	require.NoError(t, err)
	require.Equal(t, 1, status)
	cancel()
	require.Equal(t, outcome{"", context.Canceled}, <-done)
	x.clock.Advance(3 * time.Second)
	require.Equal(t, runtimeapi.TypeTimeout, (<-x.reports).Err.Type)
	awaitEnd(p.hello.PID)
}

// TestHold lets invocations wait for a program that is the old one in the end.
func TestHold(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, next := x.warm(t)
	x.Hold()
	done := x.invoke(context.Background(), "1")
	ctx, cancel := context.WithCancel(context.Background())
	gone := x.invoke(ctx, "gone")
	cancel()
	requireError(t, (<-gone).err, runtimeapi.TypeThrottled, "the function waits for a new program")
	warm := make(chan error, 1)
	go func() { warm <- x.Warm(context.Background()) }()
	x.Resume()
	n := <-next
	p.reply(n.id(), "one")
	require.Equal(t, outcome{"one", nil}, <-done)
	require.NoError(t, <-warm)
	require.Empty(t, x.puppets)
}

// TestNoProgramYet lets invocations wait for the first program.
func TestNoProgramYet(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, func(cfg *runtimeapi.Config) { cfg.Command = nil })
	done := x.invoke(context.Background(), "1")
	ctx, cancel := context.WithCancel(context.Background())
	gone := x.invoke(ctx, "gone")
	cancel()
	requireError(t, (<-gone).err, runtimeapi.TypeThrottled, "the function has no program yet")
	require.ErrorIs(t, x.Warm(ctx), context.Canceled)
	x.cfg.Command = program(t, "puppet").Command
	require.NoError(t, x.Replace(x.cfg))
	p := x.puppet(t)
	n := <-p.next()
	p.reply(n.id(), "one")
	require.Equal(t, outcome{"one", nil}, <-done)
}

func TestEventThatIsTooLarge(t *testing.T) {
	t.Parallel()
	f := start(t, runtimeapi.Config{})
	_, err := f.Invoke(context.Background(), make([]byte, 6<<20+101))
	requireError(t, err, runtimeapi.TypeEventTooLarge, "6291557 byte payload")
}

// TestClose closes a function with a running, a frozen and a starting instance and an invocation
// that waits.
func TestClose(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, func(cfg *runtimeapi.Config) { cfg.Concurrency = 3 })
	frozen, nextFrozen := x.warm(t)
	one := x.invoke(context.Background(), "1")
	n := <-nextFrozen
	two := x.invoke(context.Background(), "2")
	running := x.puppet(t)
	<-running.next()
	frozen.reply(n.id(), "one")
	<-one
	frozen.next()
	<-x.reports
	x.clock.Advance(5 * time.Millisecond)
	awaitState(frozen.hello.PID, stopped)
	x.Hold() // so that the next ones wait
	three := x.invoke(context.Background(), "3")
	child := running.spawn(t)

	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := x.Close(ended); err != nil { // unless all have ended already
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, x.Close(context.Background()))
	require.Empty(t, stateOf(frozen.hello.PID))
	require.Empty(t, stateOf(running.hello.PID))
	awaitEnd(child)
	require.Equal(t, outcome{"", runtimeapi.ErrClosed}, <-two)
	require.Equal(t, outcome{"", runtimeapi.ErrClosed}, <-three)
	_, err := x.Invoke(context.Background(), nil)
	require.Equal(t, runtimeapi.ErrClosed, err)
	require.Equal(t, runtimeapi.ErrClosed, x.Warm(context.Background()))
	require.Equal(t, runtimeapi.ErrClosed, x.Replace(x.cfg))
	require.Empty(t, x.lines)
	x.Resume()
}

// TestKilledParent kills the process that runs a function. Its instance ends, frozen or not.
func TestKilledParent(t *testing.T) {
	t.Parallel()
	for _, child := range []string{"obey", "stubborn"} { // which is frozen, and which runs

		binary, err := os.Executable()
		require.NoError(t, err)
		parent := exec.CommandContext(context.Background(), binary)
		parent.Env = []string{childVariable + "=parent", "CHILD=" + child}
		parent.Stderr = os.Stderr
		out, err := parent.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, parent.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		var pid int
		_, err = fmt.Sscanf(line, `"%d" <nil>`, &pid)
		require.NoError(t, err, line)
		if child == "obey" {
			awaitState(pid, stopped)
		}
		require.NoError(t, parent.Process.Kill())
		var exit *exec.ExitError
		require.True(t, errors.As(parent.Wait(), &exit))
		awaitEnd(pid)
	}
}

// TestFolderThatIsGone starts in a folder that does not exist.
func TestFolderThatIsGone(t *testing.T) {
	t.Parallel()
	cfg := program(t, "echo")
	cfg.Dir = filepath.Join(t.TempDir(), "gone")
	f := start(t, cfg)
	_, err := f.Invoke(context.Background(), nil)
	requireError(t, err, runtimeapi.TypeStart, "no such file or directory")
}
