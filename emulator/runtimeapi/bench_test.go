package runtimeapi_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkInvoke measures invocations of a Go program that returns the event, of 600 bytes as one of
// the gateway has.
func BenchmarkInvoke(b *testing.B) {
	event := fmt.Appendf(nil, "%q", bytes.Repeat([]byte("x"), 598))
	for _, c := range []struct {
		name     string
		callers  int
		noFreeze bool
		delay    time.Duration
	}{
		{"one caller", 1, false, 0},
		{"one caller, never frozen", 1, true, 0},
		{"one caller, frozen at once", 1, false, time.Nanosecond},
		{"two callers", 2, false, 0},
		{"ten callers", 10, false, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			cfg := program(b, "echo")
			cfg.NoFreeze, cfg.FreezeDelay = c.noFreeze, c.delay
			f := start(b, cfg)
			require.NoError(b, f.Warm(context.Background()))
			b.ReportAllocs()
			b.SetParallelism(c.callers)
			each := make(chan int)
			done := make(chan error)
			for range c.callers {
				go func() {
					for range each {
						if _, err := f.Invoke(context.Background(), event); err != nil {
							b.Error(err)
						}
					}
					done <- nil
				}()
			}
			b.ResetTimer()
			if c.callers == 1 {
				for range b.N {
					if _, err := f.Invoke(context.Background(), event); err != nil {
						b.Fatal(err)
					}
				}
			} else {
				for n := range b.N {
					each <- n
				}
			}
			close(each)
			for range c.callers {
				<-done
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invocations/s")
		})
	}
}
