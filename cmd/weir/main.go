// Command weir keeps marketing segments and triggers true in real time on Kafka. This package is what people
// start: the subcommands, their settings and their output; it is the only place that wires the parts together.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit statuses. Programs that start weir rely on them.
const (
	exitOK    = 0
	exitError = 1 // something failed, or a check found faults
	exitUsage = 2 // wrong use: an unknown flag, command or setting, a bad value

	exitChanges = 2 // of plan and diff: there is a difference
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program: it runs the command that args name and returns the exit status. The end of ctx asks
// the command to stop cleanly.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, lookupEnv: os.LookupEnv, environ: os.Environ}
	return p.run(ctx, args)
}
