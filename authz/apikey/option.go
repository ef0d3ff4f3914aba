package apikey

import (
	"log/slog"
	"time"
)

// DefaultPrefix is what keys begin with, unless [WithPrefix] sets another prefix.
const DefaultPrefix = "gs"

const (
	defaultCacheTTL = 30 * time.Second
	defaultLastUsed = 10 * time.Minute
)

// Option is an option of [New].
type Option interface{ apply(m *Manager) }

type option func(*Manager)

func (o option) apply(m *Manager) { o(m) }

// WithPrefix sets what new keys begin with: 1 to 16 lower-case letters, digits and underscores,
// with no underscore at either end. Keys that were made with another prefix stay valid. The default
// is [DefaultPrefix]. It panics on any other prefix; [ValidatePrefix] checks one from outside the
// program.
func WithPrefix(prefix string) Option {
	if err := ValidatePrefix(prefix); err != nil {
		panic(err.Error())
	}
	return option(func(m *Manager) { m.prefix = prefix })
}

// WithCacheTTL sets how long a process uses what it has read about a key, or that it does not
// exist: for that long it accepts a key that another process has disabled, rotated or deleted. The
// default is 30 seconds; 0 turns the cache off. It panics if d is negative.
func WithCacheTTL(d time.Duration) Option {
	if d < 0 {
		panic("apikey: WithCacheTTL: the time to live must not be negative")
	}
	return option(func(m *Manager) { m.cacheTTL = d })
}

// WithLastUsed sets how often a process writes LastUsed of a [Key] at most. [Manager.Verify] waits
// for the write. The default is 10 minutes; 0 turns it off. It panics if interval is negative.
func WithLastUsed(interval time.Duration) Option {
	if interval < 0 {
		panic("apikey: WithLastUsed: the interval must not be negative")
	}
	return option(func(m *Manager) { m.interval = interval })
}

// WithClock sets the source of the current time. The default is [time.Now]. It panics if now is
// nil.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("apikey: WithClock: now must not be nil")
	}
	return option(func(m *Manager) { m.clock = now })
}

// WithLogger sets the logger, which gets a warning if LastUsed could not be written. The default is
// what [slog.Default] returns at that time. It panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("apikey: WithLogger: l must not be nil")
	}
	return option(func(m *Manager) { m.log = l })
}
