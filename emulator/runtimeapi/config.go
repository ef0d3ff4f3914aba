package runtimeapi

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatesock/gatesock/emulator"
)

// Config describes a function and how it runs. Only Command is needed.
type Config struct {
	// Command is the program and its arguments. A name without a slash is looked up on this
	// process's PATH, a relative path begins at Dir. Without a command there is no program yet:
	// invocations wait until [Function.Replace] brings one.
	Command []string
	// Dir is the folder in which the process runs, and its LAMBDA_TASK_ROOT. Default: the current
	// folder.
	Dir string
	// Env are further variables of the process, as NAME=VALUE; the last of a name counts. The
	// process gets these and what Lambda sets, and nothing of this process's environment. Names
	// that Lambda reserves, such as AWS_LAMBDA_FUNCTION_NAME, have Lambda's value. PATH, LANG and
	// TZ have defaults.
	Env []string
	// InstanceEnv returns more such variables for one instance, by its name (see Line.Instance).
	// With it a proxy can tell from which instance a request comes; see [Function.Activity].
	// Default: none.
	InstanceEnv func(instance string) []string
	// InstanceEnd is called when an instance has ended, so that what InstanceEnv has made for it
	// can end too. Default: nil.
	InstanceEnd func(instance string)

	// FunctionName is the function's name: 1 to 64 letters, digits, "-" and "_". Default:
	// "function".
	FunctionName string
	// Handler is the value of _HANDLER, such as "app.handler". Default: "bootstrap".
	Handler string
	// Region and AccountID are parts of the function's ARN. Defaults: "us-east-1" and
	// "123456789012".
	Region    string
	AccountID string
	// MemoryMB is the memory size that the function is told, in MB: 128 to 10,240. Nothing enforces
	// it. Default: 128.
	MemoryMB int

	// Timeout is how long an invocation may take: 1 s to 15 min on Lambda, here from 1 ms. Then the
	// instance is killed. Default: 3 s.
	Timeout time.Duration
	// InitTimeout is how long an instance may take until it asks for its first invocation. Then it
	// is killed and started once more, with the function's Timeout for start and invocation
	// together. Default: 10 s.
	InitTimeout time.Duration
	// IdleTimeout is how long an instance may have nothing to do. Then it is killed. Default: 5
	// min.
	IdleTimeout time.Duration
	// Concurrency is how many instances there are at most. Default: 10.
	Concurrency int

	// NoFreeze lets instances run on between invocations.
	NoFreeze bool
	// FreezeDelay is how long an instance runs on after its last invocation before it is frozen.
	// Default: 5 ms, which is less than most requests take, and costs an instance that is busy
	// nothing.
	FreezeDelay time.Duration

	// Log gets the lines that instances print, and what this package has to say. It is called for
	// one line at a time and must return soon. Default: nil, which drops them.
	Log func(Line)
	// Report gets what happened to each invocation, when it is over. It is called for one
	// invocation at a time and must return soon. Default: nil.
	Report func(Report)
	// Clock provides the time. Default: the machine's clock.
	Clock emulator.Clock
}

// Stream says where a [Line] comes from.
type Stream string

// The streams.
const (
	Stdout   Stream = "stdout"
	Stderr   Stream = "stderr"
	Platform Stream = "platform" // what Lambda itself would write to the log, such as that an init timed out
)

// Line is a line of a function's log.
type Line struct {
	Time time.Time
	// Instance is the name of the instance: the name of the function, a dot, and a number that
	// counts from 1.
	Instance string
	// RequestID is the id of the invocation that the line belongs to, or empty before the first
	// one.
	RequestID string
	// Late means that the line came after the invocation was over: something that the handler left
	// running has written it. On Lambda it would not appear, or with a later invocation.
	Late   bool
	Stream Stream
	// Text is the line without its end. What is longer than 256 KiB is several lines.
	Text string
	// JSON means that Text is a JSON object, as from a logger.
	JSON bool
}

// Report is what happened to an invocation, as in the REPORT line of Lambda's log.
type Report struct {
	RequestID string
	Instance  string // empty if the invocation had none
	Start     time.Time
	// Duration is the time from the hand-over to the instance until it asked for the next
	// invocation, or ended.
	Duration time.Duration
	// Waited is how long the invocation waited for an instance, which includes its start.
	Waited time.Duration
	// ColdStart means that the instance had no invocation before. InitDuration is how long it took
	// from its start until it asked for an invocation; zero otherwise.
	ColdStart    bool
	InitDuration time.Duration
	// Err is why the invocation failed, or nil. If the instance had replied before that, Replied is
	// true: the caller got the reply, and Err is what happened to the instance.
	Err     *Error
	Replied bool
}

// Activity is what an instance is doing.
type Activity struct {
	// RequestID is the id of the running invocation, or of the last one if none runs.
	RequestID string
	// Late means that no invocation runs: what the instance does now it does after the invocation
	// was over, and on Lambda it would be frozen.
	Late bool
}

// check returns the configuration with defaults, or an error for one that no function could have.
func (c Config) check() (*Config, error) {
	setDefault(&c.FunctionName, "function")
	setDefault(&c.Handler, "bootstrap")
	setDefault(&c.Region, "us-east-1")
	setDefault(&c.AccountID, "123456789012")
	setDefault(&c.MemoryMB, 128)
	setDefault(&c.Timeout, 3*time.Second)
	setDefault(&c.InitTimeout, 10*time.Second)
	setDefault(&c.IdleTimeout, 5*time.Minute)
	setDefault(&c.Concurrency, 10)
	setDefault(&c.FreezeDelay, 5*time.Millisecond)
	setDefault[emulator.Clock](&c.Clock, systemClock{})
	switch {
	case !validName(c.FunctionName):
		return nil, fmt.Errorf("runtimeapi: FunctionName is %q, want 1 to 64 letters, digits, - and _", c.FunctionName)
	case c.MemoryMB < 128 || c.MemoryMB > 10240:
		return nil, fmt.Errorf("runtimeapi: MemoryMB is %d, want 128 to 10240", c.MemoryMB)
	case c.Timeout < time.Millisecond || c.Timeout > 15*time.Minute:
		return nil, fmt.Errorf("runtimeapi: Timeout is %v, want 1ms to 15m", c.Timeout)
	case c.InitTimeout < 0:
		return nil, fmt.Errorf("runtimeapi: InitTimeout is %v, which is negative", c.InitTimeout)
	case c.IdleTimeout < 0:
		return nil, fmt.Errorf("runtimeapi: IdleTimeout is %v, which is negative", c.IdleTimeout)
	case c.FreezeDelay < 0:
		return nil, fmt.Errorf("runtimeapi: FreezeDelay is %v, which is negative", c.FreezeDelay)
	case c.Concurrency < 0:
		return nil, fmt.Errorf("runtimeapi: Concurrency is %d, which is negative", c.Concurrency)
	case len(c.Command) > 0 && c.Command[0] == "":
		return nil, errors.New("runtimeapi: the program's name in Command is empty")
	}
	for _, variable := range c.Env {
		if name, _, ok := strings.Cut(variable, "="); !ok || name == "" || strings.ContainsRune(variable, 0) {
			return nil, fmt.Errorf("runtimeapi: Env has %q, want NAME=VALUE", variable)
		}
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("runtimeapi: no folder to run in: %w", err)
	}
	c.Dir, c.NoFreeze = dir, c.NoFreeze || !freezes
	return &c, nil
}

func setDefault[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}

func validName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return len(name) > 0 && len(name) <= 64 && strings.Trim(name, letters) == ""
}

// systemClock is the machine's clock.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) emulator.Timer { return time.AfterFunc(d, f) }
