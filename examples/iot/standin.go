package iot

import (
	"context"
	"hash/maphash"
	"sync"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/topic"
)

var (
	standinSeed  = maphash.MakeSeed()
	standinLocks [1024]sync.Mutex
)

func updateValue(ctx context.Context, topics *topic.Topics, name, key string, change func(topic.Value) (any, error)) (int64, broadcast.Report, error) {
	lock := &standinLocks[maphash.String(standinSeed, name+" "+key)%1024]
	lock.Lock()
	defer lock.Unlock()
	v, err := topics.LastOf(ctx, name, key)
	if err != nil {
		return 0, broadcast.Report{}, err
	}
	next, err := change(v)
	if err != nil {
		return 0, broadcast.Report{}, err
	}
	return topics.Set(ctx, name, key, next)
}
