package topictest

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func brokenByReplacing() []brokenValues {
	type replace = func(
		m *topic.Memory, ctx context.Context, name, key string, version int64, data json.RawMessage,
	) (topic.Stored, error)
	replacing := func(change replace) wrapper {
		return func(m *topic.Memory, _ func() time.Time) topic.Values {
			return &altered{Values: m, replace: func(
				ctx context.Context, name, key string, version int64, data json.RawMessage,
			) (topic.Stored, error) {
				return change(m, ctx, name, key, version, data)
			}}
		}
	}
	return []brokenValues{
		{"replaces whatever the version", replacing(func(
			m *topic.Memory, ctx context.Context, name, key string, _ int64, data json.RawMessage,
		) (topic.Stored, error) {
			return m.StoreValue(ctx, name, key, data)
		}), []string{"replace", "replace-mark", "replace-race"}},
		{"replaces an older version", replacing(func(
			m *topic.Memory, ctx context.Context, name, key string, version int64, data json.RawMessage,
		) (topic.Stored, error) {
			if v, err := m.GetValue(ctx, name, key); err == nil && version > 0 && version+1 == v.Version && !v.Deleted() {
				version++
			}
			return m.ReplaceValue(ctx, name, key, version, data)
		}), []string{"replace", "replace-race"}},
		{"replaces a mark like nothing", replacing(func(
			m *topic.Memory, ctx context.Context, name, key string, version int64, data json.RawMessage,
		) (topic.Stored, error) {
			if v, err := m.GetValue(ctx, name, key); err == nil && version == 0 && v.Deleted() {
				version = v.Version
			}
			return m.ReplaceValue(ctx, name, key, version, data)
		}), []string{"replace-mark"}},
		{"all have won", replacing(func(
			m *topic.Memory, ctx context.Context, name, key string, version int64, data json.RawMessage,
		) (topic.Stored, error) {
			s, err := m.ReplaceValue(ctx, name, key, version, data)
			if v, _ := m.GetValue(ctx, name, key); errors.Is(err, topic.ErrChanged) && v.Version > version && !v.Deleted() {
				return topic.Stored{Version: v.Version}, nil
			}
			return s, err
		}), []string{"replace", "replace-race"}},
		{"another error if others are faster", replacing(func(
			m *topic.Memory, ctx context.Context, name, key string, version int64, data json.RawMessage,
		) (topic.Stored, error) {
			s, err := m.ReplaceValue(ctx, name, key, version, data)
			if errors.Is(err, topic.ErrChanged) {
				err = errors.New("changed")
			}
			return s, err
		}), []string{"replace", "replace-mark", "replace-race"}},
		{"replaces without the value before", replacing(func(
			m *topic.Memory, ctx context.Context, name, key string, version int64, data json.RawMessage,
		) (topic.Stored, error) {
			s, err := m.ReplaceValue(ctx, name, key, version, data)
			s.Before = nil
			return s, err
		}), []string{"replace"}},
	}
}
