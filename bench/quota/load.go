package main

import (
	"fmt"
	"time"
)

// load is what a client is asked to do: messages of several posts at once, one message after each
// interval. Without an interval, a post begins as soon as another one ends.
type load struct {
	AtOnce   int           `json:"atOnce"`
	Messages int           `json:"messages"`
	Interval time.Duration `json:"intervalNanoseconds"`
}

func (l load) posts() int { return l.AtOnce * l.Messages }

func loadNames() []string { return []string{"sustained", "burst", "50/s", "5/s"} }

func (s settings) load(name string) (load, error) {
	paced := func(atOnce int, interval time.Duration) load {
		return load{AtOnce: atOnce, Messages: max(int(s.length/interval), 1), Interval: interval}
	}
	switch name {
	case "sustained":
		return load{AtOnce: s.concurrency, Messages: max(s.posts/s.concurrency, 1)}, nil
	case "burst":
		return paced(s.concurrency, 500*time.Millisecond), nil
	case "50/s":
		return paced(1, 20*time.Millisecond), nil
	case "5/s":
		return paced(1, 200*time.Millisecond), nil
	default:
		return load{}, fmt.Errorf("unknown load %q", name)
	}
}
