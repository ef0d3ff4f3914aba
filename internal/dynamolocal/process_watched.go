//go:build unix

package dynamolocal

import (
	"os"
	"os/exec"
)

// watch runs a program beside a shell that reads its own standard input: it ends when the other end
// of that is closed, which the system does for a process however it ends.
const watch = `"$@" </dev/null & program=$!
(wait_for_end=$(cat <&3); kill -9 $program 2>/dev/null) & watcher=$!
wait $program; code=$?
kill $watcher 2>/dev/null
exit $code`

// watched lets a shell run the command, and kill it when this process ends or release is called.
func watched(cmd *exec.Cmd) (release func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		r.Close()
		w.Close()
		return nil, err
	}
	cmd.Args = append([]string{"sh", "-c", watch, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = shell
	cmd.ExtraFiles = []*os.File{r}
	return func() {
		w.Close()
		r.Close()
	}, nil
}
