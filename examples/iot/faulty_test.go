package iot_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/gatesock/gatesock/topic"
)

// plan is what goes wrong in one invocation.
type plan struct {
	mu sync.Mutex
	// at is the call of a store at which it happens, from 1; 0 is never.
	at, calls int
	// done is whether that call is carried out. after is whether all calls after it fail, too.
	done, after bool
}

var errFault = errors.New("the store has failed")

// next returns whether the next call is to be carried out, and whether it is to fail.
func (p *plan) next() (do, fail bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	switch {
	case p.at == 0 || p.calls < p.at:
		return true, false
	case p.calls == p.at:
		return p.done, true
	}
	return !p.after, p.after
}

type planKey struct{}

func withPlan(ctx context.Context, p *plan) context.Context {
	return context.WithValue(ctx, planKey{}, p)
}

// call calls f as the plan of the invocation wants.
func call[T any](ctx context.Context, f func() (T, error)) (zero T, _ error) {
	p, ok := ctx.Value(planKey{}).(*plan)
	if !ok {
		return f()
	}
	do, fail := p.next()
	if do {
		out, err := f()
		if !fail || err != nil {
			return out, err
		}
	}
	return zero, errFault
}

// faultyLog and faultyValues are stores of which calls fail.
type faultyLog struct{ topic.Log }

func (l faultyLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	return call(ctx, func() (topic.Appended, error) { return l.Log.Append(ctx, name, e) })
}

type faultyValues struct{ topic.Values }

func (v faultyValues) StoreValue(ctx context.Context, name, key string, data json.RawMessage) (topic.Stored, error) {
	return call(ctx, func() (topic.Stored, error) { return v.Values.StoreValue(ctx, name, key, data) })
}

func (v faultyValues) ReplaceValue(
	ctx context.Context, name, key string, version int64, data json.RawMessage,
) (topic.Stored, error) {
	return call(ctx, func() (topic.Stored, error) { return v.Values.ReplaceValue(ctx, name, key, version, data) })
}

func (v faultyValues) RaiseCounter(ctx context.Context, name string) (int64, error) {
	return call(ctx, func() (int64, error) { return v.Values.RaiseCounter(ctx, name) })
}

func (v faultyValues) GetValue(ctx context.Context, name, key string) (topic.Value, error) {
	return call(ctx, func() (topic.Value, error) { return v.Values.GetValue(ctx, name, key) })
}

func (v faultyValues) ReadValues(ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
	return call(ctx, func() (topic.ValuesPage, error) { return v.Values.ReadValues(ctx, q) })
}

func (v faultyValues) ReadFilters(ctx context.Context, name string) ([]topic.KeptFilter, error) {
	return call(ctx, func() ([]topic.KeptFilter, error) { return v.Values.ReadFilters(ctx, name) })
}
