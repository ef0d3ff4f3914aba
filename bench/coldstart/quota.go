package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// quota bounds how much of a processor the processes of a control group have, as Lambda does with less memory: of each
// 20 ms they run for a share, and are stopped for the rest (that is the period which Lambda's functions see).
type quota struct{ folder string }

const quotaPeriod = 20 * time.Millisecond

// newQuota makes a control group. It needs the cpu controller of Linux, in either version, and the right to use it.
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
			// A file that is not there is not made: then this is not a control group.
			err = errors.Join(err, overwrite(filepath.Join(q.folder, f[0]), f[1]))
		}
		if err == nil {
			return q, nil
		}
		_ = q.close()
	}
	return nil, errors.New("there is no control group for processor time to be had")
}

func overwrite(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0) //nolint:gosec // of a control group
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// command is what starts a program in the group, or outside of any for nil. The shell takes the same time for all.
func (q *quota) command(program string) []string {
	procs := os.DevNull
	if q != nil {
		procs = filepath.Join(q.folder, "cgroup.procs")
	}
	return []string{"/bin/sh", "-c", `echo $$ >"$0" && exec "$1"`, procs, program}
}

// close removes the group, which no process may be in.
func (q *quota) close() error { return os.Remove(q.folder) }
