package ratelimit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// maxAccounts is how many keys a [Limiter] by a quota remembers. For one that it has forgotten it asks the counters again; what was
// reserved for it is lost.
const maxAccounts = 100_000

// ledger is a quota with what a process knows of it.
type ledger struct {
	counters QuotaStore
	quota    Quota
	reserve  int64
	clock    func() time.Time

	mu         sync.Mutex
	accounts   map[string]*account
	start, end time.Time // of the window that was asked for last
}

// account is what a process knows of a key, in one window.
type account struct {
	turn  chan struct{} // has a value while the counters are asked, so that of many at once one reserves
	start time.Time
	left  int64 // reserved, and not used yet
	total int64 // used and reserved by all, as far as is known; it never shrinks
	// failed is how the counters failed last. Those that were waiting for their turn at that time do not ask again.
	failed atomic.Pointer[failure]
}

// failure is one time that the counters have failed.
type failure struct{ err error }

// take takes n units, of what is reserved or of what the counters have.
func (l *ledger) take(ctx context.Context, key string, n int) (Decision, error) {
	want := int64(max(n, 0))
	now := l.clock()
	start, end := l.window(now)
	a := l.account(key)
	before := a.failed.Load()
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return Decision{}, context.Cause(ctx)
	}
	if !a.start.Equal(start) {
		a.start, a.left, a.total = start, 0, 0
	}
	if a.left < want {
		if f := a.failed.Load(); f != before { // while this call was waiting
			return Decision{}, f.err
		}
		if err := l.get(ctx, key, a, start, end, want); err != nil {
			if ctx.Err() == nil {
				a.failed.Store(&failure{err})
			}
			return Decision{}, err
		}
	}
	d := Decision{Limit: int(l.quota.Max), Allowed: a.left >= want}
	switch {
	case d.Allowed:
		a.left -= want
	case want > l.quota.Max:
		d.RetryAfter = Never
	default:
		d.RetryAfter = end.Sub(now)
	}
	d.Remaining = int(max(l.quota.Max-a.total, 0) + a.left)
	return d, nil
}

// get asks the counters for as much as is missing, and up to a whole reserve more, if there is so much. It does not ask for what is known
// not to be there.
func (l *ledger) get(ctx context.Context, key string, a *account, start, end time.Time, want int64) error {
	missing := want - a.left
	for range 2 { // the first answer may say that there is less than a whole reserve
		n := min(max(missing, l.reserve), l.quota.Max-a.total)
		if n < missing {
			return nil
		}
		used, err := l.counters.Consume(ctx, key, start, end, n, l.quota.Max)
		if err != nil {
			return err
		}
		a.total = max(a.total, used.Total)
		if used.Allowed {
			a.left += n
			return nil
		}
	}
	return nil
}

// window gives the present one, which is found once for each.
func (l *ledger) window(now time.Time) (start, end time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.start) || !now.Before(l.end) {
		l.start, l.end = l.quota.Window(now)
	}
	return l.start, l.end
}

func (l *ledger) account(key string) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.accounts[key]
	if ok {
		return a
	}
	if l.accounts == nil {
		l.accounts = make(map[string]*account)
	}
	if len(l.accounts) >= maxAccounts {
		for other := range l.accounts {
			delete(l.accounts, other)
			break
		}
	}
	a = &account{turn: make(chan struct{}, 1)}
	l.accounts[key] = a
	return a
}
