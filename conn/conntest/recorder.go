package conntest

import (
	"context"
	"sync"

	"github.com/gatesock/gatesock/conn"
)

// end is a record that has ended, and why.
type end struct {
	Conn  conn.Conn
	Cause conn.EndCause
}

// recorder keeps the records that a store announces as ended. It is safe for concurrent use.
type recorder struct {
	mu   sync.Mutex
	list []end
	then func(ctx context.Context, e end)
}

// record keeps a record; it is a [conn.EndedFunc].
func (r *recorder) record(ctx context.Context, c conn.Conn, cause conn.EndCause) {
	r.mu.Lock()
	r.list = append(r.list, end{c, cause})
	then := r.then
	if len(r.list) > 20 { // more than any check ends: a store that announces too much would never stop
		then = nil
	}
	r.mu.Unlock()
	if then != nil {
		then(ctx, end{c, cause})
	}
}

// take returns the records so far, and forgets them.
func (r *recorder) take() []end {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.list
	r.list = nil
	return taken
}

// does sets what record does after it has kept a record.
func (r *recorder) does(then func(ctx context.Context, e end)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.then = then
}
