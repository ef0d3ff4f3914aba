package fragmenttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatesock/gatesock/fragment"
	"github.com/gatesock/gatesock/internal/testclock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	t.Parallel()
	Run(t, func(_ *testing.T, now func() time.Time) (a, b fragment.Store) {
		s := fragment.NewMemory(fragment.WithClock(now))
		return s, s
	})
}

// broken is a store that breaks a promise, made of one in memory.
type broken struct {
	fragment.Store

	mu    sync.Mutex // held by each call
	clock *testclock.Clock
	cache sync.Map
	skew  time.Duration
	add   func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error)
}

func (s *broken) Add(ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.add == nil {
		return s.Store.Add(ctx, p, l)
	}
	return s.add(s, ctx, p, l)
}

type adder = func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error)

// failing returns the names of the checks that a store fails.
func failing(t *testing.T, add adder) []string {
	t.Helper()
	var names []string
	for _, c := range checks() {
		clock := testclock.New(testclock.Noon())
		s := &broken{clock: clock, add: add}
		s.Store = fragment.NewMemory(fragment.WithClock(func() time.Time { return clock.Now().Add(s.skew) }))
		if err := c.run(t.Context(), stores{s, s, clock}); err != nil {
			names = append(names, c.name)
		}
	}
	return names
}

// without ignores an error.
func without(ignored error) adder {
	return func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
		message, err := s.Store.Add(ctx, p, l)
		if errors.Is(err, ignored) {
			err = nil
		}
		return message, err
	}
}

// renamed stores the piece under other names.
func renamed(name func(p fragment.Piece) fragment.Piece) adder {
	return func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
		return s.Store.Add(ctx, name(p), l)
	}
}

// TestSuiteFindsBrokenStores has for each check a store that fails it.
func TestSuiteFindsBrokenStores(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		add   adder
		fails string
	}{
		"none": {},
		"returns no message": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			_, err := s.Store.Add(ctx, p, l)
			return nil, err
		}, "the last piece gets the message"},
		"returns an empty message": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			message, err := s.Store.Add(ctx, p, l)
			if err == nil && message == nil {
				message = []byte{}
			}
			return message, err
		}, "the last piece gets the message"},
		"joins in the order of arrival": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			key := p.ConnectionID + "/" + p.Message
			message, err := s.Store.Add(ctx, p, l)
			text, _ := s.cache.LoadOrStore(key, "")
			if err == nil {
				text = text.(string) + p.Data
				s.cache.Store(key, text)
			}
			if message != nil {
				message = []byte(text.(string))
			}
			return message, err
		}, "pieces come in any order"},
		"counts calls": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			message, err := s.Store.Add(ctx, p, l)
			n, _ := s.cache.LoadOrStore(p.ConnectionID+"/"+p.Message, new(int))
			if *n.(*int)++; err == nil && message == nil && *n.(*int) == p.Count {
				message = []byte(p.Data)
			}
			return message, err
		}, "a piece that comes twice counts once"},
		"returns the message again": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			key := fmt.Sprint(p.ConnectionID, "/", p.Message, s.clock.Now())
			message, err := s.Store.Add(ctx, p, l)
			if message != nil {
				s.cache.Store(key, message)
			} else if before, ok := s.cache.Load(key); ok && err == nil {
				message, _ = before.([]byte)
			}
			return message, err
		}, "a message is returned once"},
		"returns the message to all at once": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			if p.Count == 8 && p.Index == 7 {
				return []byte("0,1,2,3,4,5,6,7,"), nil
			}
			return s.Store.Add(ctx, p, l)
		}, "of many pieces at once one gets the message"},
		"takes what contradicts": {without(fragment.ErrContradiction), "a piece that contradicts is not kept"},
		"keeps what contradicts": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			message, err := s.Store.Add(ctx, p, l)
			if errors.Is(err, fragment.ErrContradiction) {
				s.cache.Store("contradicted", true)
			}
			if _, ok := s.cache.Load("contradicted"); ok && message != nil {
				message = []byte("bc")
			}
			return message, err
		}, "a piece that contradicts is not kept"},
		"has no largest size": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			l.Size = 1 << 20
			return s.Store.Add(ctx, p, l)
		}, "a message has a largest size"},
		"has a smaller size": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			l.Size--
			return s.Store.Add(ctx, p, l)
		}, "a message has a largest size"},
		"has a limit for the pieces": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			if len(p.Data) > l.Size {
				return nil, fragment.ErrTooLarge
			}
			l.Size = 1 << 20
			return s.Store.Add(ctx, p, l)
		}, "a message has a largest size"},
		"has no number of messages": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			l.Messages = 1000
			return s.Store.Add(ctx, p, l)
		}, "a connection has a number of messages"},
		"counts the messages of all connections": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			p.Message, p.ConnectionID = p.ConnectionID+"/"+p.Message, "all"
			return s.Store.Add(ctx, p, l)
		}, "a connection has a number of messages"},
		"counts one less": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			l.Messages--
			return s.Store.Add(ctx, p, l)
		}, "a connection has a number of messages"},
		"forgets early": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			s.skew = 0
			if !s.clock.Now().Before(testclock.Noon().Add(fragment.Keep)) {
				s.skew = time.Second
			}
			return s.Store.Add(ctx, p, l)
		}, "a message is kept for its time"},
		"never forgets": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			s.skew = testclock.Noon().Sub(s.clock.Now())
			return s.Store.Add(ctx, p, l)
		}, "a message is forgotten after its time"},
		"never forgets what is complete": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			key := fmt.Sprint(p.ConnectionID, "/", p.Message)
			if _, ok := s.cache.Load(key); ok {
				return nil, nil
			}
			message, err := s.Store.Add(ctx, p, l)
			if message != nil {
				s.cache.Store(key, true)
			}
			return message, err
		}, "a complete message is forgotten after its time"},
		"counts what is forgotten": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			if _, ok := s.cache.LoadOrStore(p.Message, true); !ok && p.Message == "4" && s.clock.Now().After(testclock.Noon()) {
				return nil, fragment.ErrTooMany
			}
			return s.Store.Add(ctx, p, l)
		}, "what is forgotten makes room"},
		"mixes names up": {renamed(func(p fragment.Piece) fragment.Piece {
			p.ConnectionID, p.Message = "all", p.ConnectionID+"#"+p.Message
			return p
		}), "messages and connections are apart"},
		"trims names": {renamed(func(p fragment.Piece) fragment.Piece {
			p.Message = strings.Trim(p.Message, "\x00 ")
			return p
		}), "messages and connections are apart"},
		"cuts large messages": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			message, err := s.Store.Add(ctx, p, l)
			return message[:min(len(message), 1<<20-1)], err
		}, "a message of the largest size"},
		"ignores the context": {func(s *broken, ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
			return s.Store.Add(context.WithoutCancel(ctx), p, l)
		}, "an ended context ends a call"},
	}
	var mu sync.Mutex
	found := map[string]bool{}
	t.Run("stores", func(t *testing.T) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				got := failing(t, c.add)
				mu.Lock()
				defer mu.Unlock()
				for _, check := range got {
					found[check] = true
				}
				require.Equal(t, c.fails == "", got == nil, got)
				require.Contains(t, strings.Join(got, "\n"), c.fails)
			})
		}
	})
	for _, c := range checks() {
		require.True(t, found[c.name], "no broken store fails the check %q", c.name)
	}
}
