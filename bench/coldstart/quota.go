package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// quota is a control group that limits its processes to a share of a processor, as Lambda limits
// functions by their memory: in each period of 20 ms, as on Lambda, they run for that share and are
// stopped for the rest.
type quota struct{ folder string }

const quotaPeriod = 20 * time.Millisecond

// newQuota makes a control group. It needs Linux's cpu controller, version 1 or 2, and the right to
// use it.
func newQuota(share float64) (*quota, error) {
	period := quotaPeriod.Microseconds()
	run := int64(float64(period) * share)
	name := "gatesock-coldstart-" + strconv.Itoa(os.Getpid())
	for _, v := range []struct {
		root  string
		files [][2]string
	}{
		{"/sys/fs/cgroup/cpu", [][2]string{{"cpu.cfs_period_us", fmt.Sprint(period)}, {"cpu.cfs_quota_us", fmt.Sprint(run)}}},
		{"/sys/fs/cgroup", [][2]string{{"cpu.max", fmt.Sprintf("%d %d", run, period)}}},
	} {
		q := &quota{filepath.Join(v.root, name)}
		if os.Mkdir(q.folder, 0o700) != nil {
			continue
		}
		var err error
		for _, f := range v.files {
			// A missing file is not created: without it this is not a control group.
			err = errors.Join(err, overwrite(filepath.Join(q.folder, f[0]), f[1]))
		}
		if err == nil {
			return q, nil
		}
		_ = q.close()
	}
	return nil, errors.New("no control group for processor time is available")
}

func overwrite(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0) //nolint:gosec // of a control group
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// command returns the command line that starts a program in the group, or in no group if q is nil.
// Both use the shell, so that it costs all runs the same.
func (q *quota) command(program string) []string {
	procs := os.DevNull
	if q != nil {
		procs = filepath.Join(q.folder, "cgroup.procs")
	}
	return []string{"/bin/sh", "-c", `echo $$ >"$0" && exec "$1"`, procs, program}
}

// close removes the group. No process may be in it any more.
func (q *quota) close() error { return os.Remove(q.folder) }
