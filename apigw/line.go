package apigw

import (
	"context"
	"sync"
	"time"
)

// lines are where calls over net/http wait for their turn, one line for each host. As many run at once as a transport may
// open connections, so that no call waits inside net/http, where its time would run and its signature would grow old.
type lines struct {
	places int

	mu    sync.Mutex
	hosts map[host]*line
}

// host is what net/http counts connections by.
type host struct{ scheme, name string }

// line lets its calls through in the order in which they came.
type line struct {
	places chan struct{}
	calls  int // that wait or run; guarded by the lock of lines
}

func newLines(places int) *lines { return &lines{places: places, hosts: map[host]*line{}} }

// enter waits until a call may run, for as long as ctx lasts. The call has to leave the line when it has ended.
func (l *lines) enter(ctx context.Context, to *endpoint) (*line, error) {
	at := l.join(host{to.uri.Scheme, to.host})
	select {
	case at.places <- struct{}{}:
		if ctx.Err() == nil {
			return at, nil
		}
		<-at.places
	case <-ctx.Done():
	}
	l.quit(at)
	return nil, context.Cause(ctx)
}

func (l *lines) leave(at *line) {
	<-at.places
	l.quit(at)
}

func (l *lines) join(h host) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.hosts[h]
	if at == nil {
		l.tidy()
		at = &line{places: make(chan struct{}, l.places)}
		l.hosts[h] = at
	}
	at.calls++
	return at
}

func (l *lines) quit(at *line) {
	l.mu.Lock()
	at.calls--
	l.mu.Unlock()
}

// tidy forgets the lines that no call is in, if there are as many as a client keeps endpoints.
func (l *lines) tidy() {
	if len(l.hosts) <= maxOthers {
		return
	}
	for h, at := range l.hosts {
		if at.calls == 0 {
			delete(l.hosts, h)
		}
	}
}

// within bounds a context by the time of a call. The function that comes with it ends that context, and reports whether
// the time was up. It is ctx itself, whose end is not the call's, if that ends earlier anyway.
func within(ctx context.Context, timeout time.Duration) (context.Context, func() (late bool)) {
	if deadline, ok := ctx.Deadline(); ok && !deadline.After(time.Now().Add(timeout)) {
		return ctx, func() bool { return false }
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, func() bool {
		late := ended(ctx) != nil
		cancel()
		return late
	}
}
