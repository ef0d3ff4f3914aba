//go:build linux

package runtimeapi_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

// BenchmarkInvoke measures invocations of a Go program that returns the event, of 600 bytes as one
// of the gateway has, and the CPU time that they cost here and in the instances.
func BenchmarkInvoke(b *testing.B) {
	event := fmt.Appendf(nil, "%q", bytes.Repeat([]byte("x"), 598))
	for _, c := range []struct {
		name    string
		callers int
		change  func(*runtimeapi.Config)
	}{
		{"callers=1", 1, nil},
		{"callers=1/log", 1, func(cfg *runtimeapi.Config) { cfg.Log = func(runtimeapi.Line) {} }},
		{"callers=1/never frozen", 1, func(cfg *runtimeapi.Config) { cfg.NoFreeze = true }},
		{"callers=1/frozen each time", 1, func(cfg *runtimeapi.Config) { cfg.FreezeDelay = time.Nanosecond }},
		{"callers=1/one thread", 1, func(cfg *runtimeapi.Config) { cfg.Env = append(cfg.Env, "GOMAXPROCS=1") }},
		{"callers=2/one thread each", 2, func(cfg *runtimeapi.Config) { cfg.Env = append(cfg.Env, "GOMAXPROCS=1") }},
		{"callers=2", 2, nil},
		{"callers=10", 10, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			cfg := program(b, "echo")
			if c.change != nil {
				c.change(&cfg)
			}
			f, err := runtimeapi.New(cfg)
			require.NoError(b, err)
			require.NoError(b, f.Warm(context.Background()))
			b.ReportAllocs()
			before := cpu(syscall.RUSAGE_SELF)
			children := cpu(syscall.RUSAGE_CHILDREN)
			b.ResetTimer()
			var callers sync.WaitGroup
			each := make(chan struct{}, 100)
			for range c.callers {
				callers.Go(func() {
					for range each {
						if _, err := f.Invoke(context.Background(), event); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for range b.N {
				each <- struct{}{}
			}
			close(each)
			callers.Wait()
			b.StopTimer()
			b.ReportMetric(float64((cpu(syscall.RUSAGE_SELF)-before).Nanoseconds())/float64(b.N)/1e3, "cpu-µs/op")
			require.NoError(b, f.Close(context.Background()))
			b.ReportMetric(float64((cpu(syscall.RUSAGE_CHILDREN)-children).Nanoseconds())/float64(b.N)/1e3, "child-cpu-µs/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invocations/s")
		})
	}
}

// cpu returns the CPU time that this process, or those that it has waited for, have used.
func cpu(whose int) time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(whose, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
