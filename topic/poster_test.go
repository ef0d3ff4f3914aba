package topic_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

// poster takes its time, and refuses one connection.
type poster struct {
	latency time.Duration
	failing string

	mu    sync.Mutex
	frame string
}

func (p *poster) Post(_ context.Context, to gatesock.Target, frame []byte) error {
	<-time.After(p.latency) // virtual time: how long the post takes.
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frame = string(frame)
	if to.ConnectionID == p.failing {
		return errors.New("the network is down")
	}
	return nil
}

func (p *poster) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.frame
}

func framesOf(posts []wstest.Post) (frames []string) {
	for _, p := range posts {
		frames = append(frames, string(p.Data))
	}
	return frames
}
