package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program that the soak has started.
type process struct {
	name  string
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
	err   error         // how, after that
}

// stopTime is how long a simulator may take to end: it reports what is left.
const stopTime = 2 * time.Minute

// start starts a program. What it prints goes to files in a folder.
func start(folder, name, path string, args ...string) (*process, error) {
	log, err := os.Create(filepath.Join(folder, name+".log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...) //nolint:gosec,noctx // it is stopped by a signal, to end in order
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p := &process{name: name, cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		p.err = errors.Join(cmd.Wait(), log.Close())
	}()
	return p, nil
}

// stop interrupts the process, and waits until it has ended.
func (p *process) stop(ctx context.Context) error {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-p.ended:
		return p.err
	case <-ctx.Done():
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not end", p.name)
	}
}

// usage is what a process takes of the machine.
type usage struct {
	Resident int64         // bytes of memory
	CPU      time.Duration // since it began
}

// usageOf returns the usage of a process, by its id.
func usageOf(pid int) (u usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may have spaces
	fields := strings.Fields(after)
	if len(fields) < 22 {
		return u, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	var ticks int64
	for _, i := range []int{11, 12} { // in user mode and in the kernel
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return u, err
		}
		ticks += n
	}
	pages, err := strconv.ParseInt(fields[21], 10, 64)
	u.CPU, u.Resident = time.Duration(ticks)*(time.Second/100), pages*int64(os.Getpagesize())
	return u, err
}

// heapOf returns the live heap of a process that serves net/http/pprof, in bytes.
func heapOf(ctx context.Context, address string) (int64, error) {
	url := "http://" + address + "/debug/pprof/heap?gc=1&debug=1"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if text, is := strings.CutPrefix(lines.Text(), "# HeapAlloc = "); is {
			return strconv.ParseInt(text, 10, 64)
		}
	}
	return 0, errors.Join(lines.Err(), errors.New("the profile has no HeapAlloc"))
}

// addresses are where the server is, which it writes into a file when it is ready.
type addresses struct {
	URL    string `json:"url"`
	HTTP   string `json:"http"`
	Broker string `json:"broker"`
	Tenant string `json:"tenant"`
	Key    string `json:"key"`
}

// await waits for the file of a server.
func await(ctx context.Context, server *process, file string) (a addresses, err error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(file)
		if err == nil {
			return a, json.Unmarshal(text, &a)
		}
		select {
		case <-tick.C:
		case <-server.ended:
			return a, fmt.Errorf("the server has ended: %w", server.err)
		case <-ctx.Done():
			return a, context.Cause(ctx)
		}
	}
}

// lines decodes the lines of JSON of a file.
func lines[T any](file string) (all []T, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	decoder := json.NewDecoder(f)
	for {
		var one T
		switch err := decoder.Decode(&one); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, one)
	}
}
