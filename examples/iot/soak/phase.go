package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/examples/iot/simulate/fleet"
)

// devices are a simulator that runs.
type devices struct {
	*process

	record, figures string // files
	prefix          string // of the devices' names; devices of other phases are there, too
}

// fleet returns a function that starts a simulator. Its files have the name.
func (s *soak) fleet(name string, n int, rate float64, flags ...string) func() (*devices, error) {
	return func() (*devices, error) {
		d := &devices{record: filepath.Join(s.folder, name+".record"), figures: filepath.Join(s.folder, name+".json")}
		args := append([]string{
			"-url", s.at.URL, "-http", s.at.HTTP, "-broker", s.at.Broker, "-key", s.at.Key, "-tenant", s.at.Tenant,
			"-devices", strconv.Itoa(n), "-rate", fmt.Sprint(rate), "-record", d.record, "-figures", d.figures,
		}, flags...)
		if i := slices.Index(flags, "-prefix"); i >= 0 {
			d.prefix = flags[i+1]
		}
		var err error
		d.process, err = start(s.folder, name, s.simulate, args...)
		return d, err
	}
}

// result reads what a simulator has written at its end.
func (d *devices) result() (f fleet.Figures, records []fleet.Record, err error) {
	text, err := os.ReadFile(d.figures)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err == nil {
		records, err = lines[fleet.Record](d.record)
	}
	return f, records, err
}

// phase lets devices live for some time, with dashboards, and returns what is wrong. During it
// disturb runs, if it is not nil. See board.check for lenient.
func (s *soak) phase(
	ctx context.Context, name string, lasting time.Duration, begin func() (*devices, error),
	lenient bool, disturb func(ctx context.Context) []string,
) ([]string, error) {
	fmt.Printf("%s: %v\n", name, lasting)
	simulator, err := begin()
	if err != nil {
		return nil, err
	}
	stopped := false
	defer func() {
		if !stopped {
			_ = simulator.cmd.Process.Kill()
		}
	}()
	watch := &watchers{soak: s, lenient: lenient}
	defer watch.close()
	if err := watch.open(ctx, simulator); err != nil {
		return nil, err
	}
	m, err := newMeter(s.pprof, map[string]int{
		"server": s.server.cmd.Process.Pid, "simulator": simulator.cmd.Process.Pid, "dashboards": os.Getpid(),
	})
	if err != nil {
		return nil, err
	}
	disturbing := make(chan []string, 1)
	during, end := context.WithTimeout(ctx, lasting)
	defer end()
	go func() {
		if disturb == nil {
			disturbing <- nil
			return
		}
		disturbing <- disturb(during)
	}()
	if err := watch.during(during, ctx, lasting, m, simulator); err != nil {
		return nil, err
	}
	problems := <-disturbing
	stopping, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	stopped = true
	if err := simulator.stop(stopping); err != nil {
		return nil, fmt.Errorf("%s: %w", simulator.name, err)
	}
	figures, records, err := simulator.result()
	if err != nil {
		return nil, err
	}
	more, missed, err := watch.check(ctx, records)
	if err != nil {
		return nil, err
	}
	problems = append(problems, more...)
	return append(problems, s.table(name, figures, m, watch, missed)...), nil
}

// watchers are the dashboards and the audit of a phase.
type watchers struct {
	*soak

	lenient bool
	boards  []*board
	late    []kind
	audit   *audit
	ids     []string
}

// open opens the dashboards, when the devices are registered.
func (w *watchers) open(ctx context.Context, simulator *devices) error {
	for {
		end, err := settled(ctx, w.at)
		if err != nil {
			return err
		}
		w.ids = nil
		for id := range end {
			if strings.HasPrefix(id, simulator.prefix) {
				w.ids = append(w.ids, id)
			}
		}
		if len(w.ids) >= w.devices {
			break
		}
		select {
		case <-simulator.ended:
			return fmt.Errorf("the simulator has ended: %w", errors.Join(simulator.err, errors.New("see its log")))
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	all := kinds()
	for i := range w.dashboards {
		if k := all[i%len(all)]; k.late {
			w.late = append(w.late, k)
		} else if err := w.add(ctx, k); err != nil {
			return err
		}
	}
	var err error
	w.audit, err = openAudit(ctx, w.at, w.ids)
	return err
}

func (w *watchers) add(ctx context.Context, k kind) error {
	n := len(w.boards)
	b, err := open(ctx, w.at, n+1, k, w.ids[n%len(w.ids)])
	if b != nil {
		w.boards = append(w.boards, b)
	}
	return err
}

// during samples the processes until a phase ends. In its middle the late dashboards join.
func (w *watchers) during(phase, ctx context.Context, lasting time.Duration, m *meter, simulator *devices) error {
	began := time.Now()
	for pause(phase, max(time.Second, lasting/60)) {
		if err := m.take(phase); err != nil && phase.Err() == nil {
			return err
		}
		if time.Since(began) > lasting/2 {
			for _, k := range w.late {
				if err := w.add(ctx, k); err != nil {
					return err
				}
			}
			w.late = nil
		}
		select {
		case <-simulator.ended:
			return fmt.Errorf("the simulator has ended: %w", errors.Join(simulator.err, errors.New("see its log")))
		case <-w.server.ended:
			return fmt.Errorf("the server has ended: %w", errors.Join(w.server.err, errors.New("see its log")))
		default:
		}
	}
	return ctx.Err()
}

// check checks all dashboards until nothing is wrong or patience ends, because the last pushes may
// be under way.
func (w *watchers) check(ctx context.Context, records []fleet.Record) (problems []string, missed int64, err error) {
	until := time.Now().Add(w.patience)
	for {
		end, err := settled(ctx, w.at)
		if err != nil {
			return nil, 0, err
		}
		problems, missed = nil, 0
		for _, b := range w.boards {
			wrong, n := b.check(records, end, w.lenient)
			for _, text := range wrong[:min(3, len(wrong))] {
				problems = append(problems, fmt.Sprintf("dashboard %d (%s): %s", b.number, b.name, text))
			}
			missed += n
		}
		w.audit.all(ctx)
		wrong, _ := w.audit.check(records)
		problems = append(problems, wrong...)
		failed, err := w.failedPushes()
		if err != nil {
			return nil, 0, err
		}
		if missed > failed*int64(len(w.boards)) {
			problems = append(problems, fmt.Sprintf("dashboards have missed %d readings, and %d pushes have failed", missed, failed))
		}
		if problems == nil || time.Now().After(until) || !pause(ctx, 2*time.Second) {
			return problems, missed, nil
		}
	}
}

// failedPushes returns how many values the server could not push to all in time, as it says in its
// log: a dashboard that misses one gets the next value of the device. It does not happen if the
// machine is fast enough.
func (s *soak) failedPushes() (int64, error) {
	text, err := os.ReadFile(filepath.Join(s.folder, "server.log"))
	return int64(bytes.Count(text, []byte("not all were told"))), err
}

func (w *watchers) close() {
	for _, b := range w.boards {
		b.close()
	}
	if w.audit != nil {
		w.audit.close()
	}
}

// table prints the figures of a phase, and returns what is wrong with them.
func (s *soak) table(name string, f fleet.Figures, m *meter, w *watchers, missed int64) (problems []string) {
	pushes := int64(0)
	for _, b := range w.boards {
		pushes += b.pushes
	}
	fmt.Printf("%s\n", f)
	failed, _ := s.failedPushes()
	fmt.Printf("%-11s %d in the history, %d on dashboards, %d missed there, %d pushes failed so far\n", "readings",
		w.audit.readings, pushes, missed, failed)
	for _, name := range []string{"server", "simulator", "dashboards"} {
		before, after, flat := growth(m.samples[name], resident)
		heapBefore, heapAfter, heapFlat := growth(m.samples[name], heap)
		fmt.Printf("%-11s %.2f processors, resident %.1f then %.1f MB, heap %.1f then %.1f MB\n", name, m.cpu(name),
			mb(before), mb(after), mb(heapBefore), mb(heapAfter))
		if s.lasting >= 5*time.Minute && name != "dashboards" && (!flat || !heapFlat) { // those note all they see
			problems = append(problems, fmt.Sprintf("the memory of the %s has grown", name))
		}
	}
	if f.Forgotten > 0 {
		problems = append(problems, fmt.Sprintf("%d readings were forgotten by devices", f.Forgotten))
	}
	if f.Accepted+f.Handed == 0 || pushes == 0 {
		problems = append(problems, name+": nothing has happened")
	}
	return problems
}

func mb(n int64) float64 { return float64(n) / (1 << 20) }
