package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// group is a control group that bounds the processor time of its processes. A nil group does not
// bound them.
type group struct{ folder string }

// newGroup makes a control group of either version of Linux's cpu controller.
func newGroup(share float64, period time.Duration) (*group, error) {
	if share == 0 {
		return nil, nil //nolint:nilnil // with a nil group there is no bound
	}
	all, run := period.Microseconds(), int64(share*float64(period.Microseconds()))
	name := "gatesock-quota-" + strconv.Itoa(os.Getpid())
	var failed error
	for _, v := range []struct {
		root  string
		files [][2]string
	}{
		{"/sys/fs/cgroup/cpu", [][2]string{{"cpu.cfs_period_us", fmt.Sprint(all)}, {"cpu.cfs_quota_us", fmt.Sprint(run)}}},
		{"/sys/fs/cgroup", [][2]string{{"cpu.max", fmt.Sprintf("%d %d", run, all)}}},
	} {
		g := &group{filepath.Join(v.root, name)}
		err := os.Mkdir(g.folder, 0o700)
		for _, f := range v.files {
			if err == nil {
				err = write(filepath.Join(g.folder, f[0]), f[1])
			}
		}
		if err == nil {
			return g, nil
		}
		failed = errors.Join(failed, err)
		_ = os.Remove(g.folder)
	}
	return nil, fmt.Errorf("no control group can be made: %w", failed)
}

// write writes to a file that exists: in a folder that is not a control group, it does not.
func write(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0) //nolint:gosec // of a control group
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// command is what starts a program in the group. The shell moves itself there before it becomes
// the program.
func (g *group) command(program string, args ...string) []string {
	procs := os.DevNull
	if g != nil {
		procs = filepath.Join(g.folder, "cgroup.procs")
	}
	return append([]string{"/bin/sh", "-c", `echo $$ >"$0" && exec "$@"`, procs, program}, args...)
}

// close removes the group, which must be empty.
func (g *group) close() error {
	if g == nil {
		return nil
	}
	return os.Remove(g.folder)
}
