package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/examples/iot"
)

const (
	progressEvery = 3 * time.Second
	startEvery    = 4 * time.Millisecond // so that not all devices connect at the same moment
	lastReports   = 30 * time.Second
	lastPushes    = 2 * time.Second
)

// Run registers the devices and lets them live until ctx ends. Then they report what is in their
// buffers, for up to 30 seconds, and Run returns the figures. An error means that the configuration
// is not valid, that the devices could not be registered, or that the records could not be written.
func Run(ctx context.Context, cfg Config) (Figures, error) {
	if err := cfg.Validate(); err != nil {
		return Figures{}, err
	}
	full := cfg.withDefaults()
	t := newTally(full.Devices)
	devices := newDevices(&full, t)
	if err := register(ctx, &full, devices); err != nil {
		return Figures{}, fmt.Errorf("devices could not be registered: %w", err)
	}
	last, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	context.AfterFunc(ctx, func() { time.AfterFunc(lastReports, end) })

	ended, err := observe(last, &full, devices, t)
	if err != nil {
		return Figures{}, err
	}
	begin := time.Now()
	figures := func() Figures {
		f := t.now()
		f.Elapsed = time.Since(begin)
		return f
	}
	var progress sync.WaitGroup
	if full.Progress != nil {
		progress.Go(func() {
			for pause(ctx, progressEvery) {
				full.Progress(figures())
			}
		})
	}
	if full.Storm > 0 {
		progress.Go(func() {
			for pause(ctx, full.Storm) {
				for _, d := range devices {
					d.storm()
				}
			}
		})
	}
	err = live(ctx, last, devices)
	progress.Wait()
	if !full.Quiet && err == nil {
		pause(last, lastPushes)
	}
	f := figures()
	end()
	ended()
	if full.Record != nil && err == nil {
		err = write(full.Record, devices)
	}
	return f, err
}

// newDevices returns the devices of a fleet.
func newDevices(cfg *Config, t *tally) []*device {
	types := iot.Types()
	names := slices.Sorted(maps.Keys(types))
	devices := make([]*device, cfg.Devices)
	for i := range devices {
		kind := names[i%len(names)]
		c := chance{seed: scramble(cfg.Seed), device: uint64(i)} //nolint:gosec // it is not negative
		d := &device{
			cfg: cfg, tally: t, curve: curve{chance: c, kind: kind, of: types[kind]},
			id:       fmt.Sprintf("%s%s-%04d", cfg.Prefix, kind, i+1),
			name:     fmt.Sprintf("%s %d", kind, i+1),
			region:   cfg.Regions[int(c.at(forRegion, 0)*float64(len(cfg.Regions)))],
			via:      cfg.Via.way(i),
			wake:     make(chan struct{}, 1),
			interval: time.Duration(float64(time.Second) / cfg.Rate),
		}
		devices[i] = d
	}
	return devices
}

// live lets the devices connect, one after the other, and live.
func live(ctx, last context.Context, devices []*device) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	var err error
	for _, d := range devices {
		if !pause(ctx, startEvery) {
			break
		}
		if err = d.connect(last); err != nil {
			stop()
			break
		}
		all.Go(func() {
			defer d.link.close()
			d.run(ctx, last)
		})
	}
	all.Wait()
	return err
}

// observe starts the dashboard that measures. The function that it returns waits until that has
// ended.
func observe(ctx context.Context, cfg *Config, devices []*device, t *tally) (ended func(), err error) {
	if cfg.Quiet {
		return func() {}, nil
	}
	c, err := client.New(cfg.URL, options(cfg, "")...) //nolint:contextcheck // it ends with Close
	if err != nil {
		return nil, err
	}
	t.count(func(f *Figures) { f.Counted = make(map[iot.Reason]int64) })
	known := make(map[string]*device, len(devices))
	for _, d := range devices {
		known[d.id] = d
	}
	var all sync.WaitGroup
	tell := func(what string, err error) {
		if err != nil && ctx.Err() == nil && !errors.Is(err, client.ErrClosed) {
			cfg.Logger.WarnContext(ctx, "fleet: the dashboard has ended", "topic", what, "error", err)
		}
	}
	all.Go(func() { tell("devices", watch(ctx, c, cfg.Tenant, known, t)) })
	all.Go(func() { tell("refusals", watchRefusals(ctx, c, cfg.Tenant, t)) })
	return func() {
		all.Wait()
		_ = c.Close()
	}, nil
}
