package runtimeapi

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/partition"
)

// apiVariable is the variable with the address of the Runtime API. Each instance has its own.
const apiVariable = "AWS_LAMBDA_RUNTIME_API"

// environ returns the variables of an instance's process, sorted by name. The names and defaults
// are those of the Lambda Developer Guide, "Defined runtime environment variables".
func (c *Config) environ(instance, address string, now time.Time) []string {
	values := map[string]string{
		"PATH":                     "/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"LANG":                     "en_US.UTF-8",
		"TZ":                       ":UTC",
		"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":  "127.0.0.1:2000",
	}
	set := func(variables []string) {
		for _, variable := range variables {
			if name, value, ok := strings.Cut(variable, "="); ok && name != "" {
				values[name] = value
			}
		}
	}
	set(c.Env)
	if c.InstanceEnv != nil {
		set(c.InstanceEnv(instance))
	}
	set([]string{
		"_HANDLER=" + c.Handler,
		"AWS_REGION=" + c.Region,
		"AWS_DEFAULT_REGION=" + c.Region,
		"AWS_LAMBDA_FUNCTION_NAME=" + c.FunctionName,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(c.MemoryMB),
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + c.FunctionName,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + now.UTC().Format("2006/01/02/") + "[$LATEST]" + randomHex(16),
		apiVariable + "=" + address,
		"LAMBDA_TASK_ROOT=" + c.Dir,
	})
	all := make([]string, 0, len(values))
	for name, value := range values {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}

// arn returns the function's ARN.
func (c *Config) arn() string {
	id := "aws"
	if p, ok := partition.Of(c.Region); ok {
		id = p.ID
	}
	return "arn:" + id + ":lambda:" + c.Region + ":" + c.AccountID + ":function:" + c.FunctionName
}

// randomHex returns n random bytes in hexadecimal.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
