package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/connectors/kafka"
)

// applyOptions is what the command line of apply says besides settings.
type applyOptions struct {
	yes    bool
	noWait bool
}

// applyCommand returns `weir apply`.
func (p *program) applyCommand() *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply --brokers HOST:PORT[,…] --catalog DIR",
		Short: "Publish a catalog to the running engine, and wait until it is in force for all",
		Long: `Apply shows what weir plan shows, asks, and publishes the catalog in DIR as the next revision. The
workers put it in force without a restart; new and changed segments are brought over all subjects while the
stream goes on. Apply waits for that and shows how far it is; when it is broken off, the revision stays
published and the workers go on.`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.apply(cmd, o) },
	}
	addSettingFlags(cmd, clusterKeys...)
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&o.noWait, "no-wait", false, "end when the revision is published")
	return cmd
}

func (p *program) apply(cmd *cobra.Command, o applyOptions) error {
	ctx := cmd.Context()
	e, err := p.loadEdit(cmd)
	if err != nil {
		return err
	}
	switch {
	case e.partitions == 0:
		return fmt.Errorf("no worker of %s has run on these brokers yet: start the first one with"+
			" weir run --catalog %s, which publishes it", e.settings.App, e.settings.Catalog)
	case len(e.changes) == 0:
		_, err := fmt.Fprintf(p.stdout, "nothing to change: revision %d is in force\n", e.revision())
		return err
	}
	e.print(p.stdout)
	if !o.yes {
		if err := p.confirm(); err != nil {
			return err
		}
	}
	var tail *kafka.Tail
	if !o.noWait {
		tail, err = kafka.OpenTailFromNow(ctx, e.kafka, kafka.Committed, e.kafka.Topic(kafka.TopicMemberships),
			e.kafka.Topic(kafka.TopicMetrics))
		if err != nil {
			return err
		}
		defer tail.Close()
	}
	revision, err := kafka.PublishCatalog(ctx, e.kafka, e.revision(), e.wanted)
	if errors.Is(err, kafka.ErrConflict) {
		return fmt.Errorf("%w; look at weir plan, and apply again", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "\npublished revision %d\n", revision)
	if o.noWait {
		return nil
	}
	return p.await(ctx, e, newRollout(revision, e.partitions), tail)
}

// confirm asks whether to go on.
func (p *program) confirm() error {
	if !interactive(p.stdin) {
		return usagef("there is nobody to ask: give --yes to publish without a question")
	}
	fmt.Fprint(p.stdout, "\npublish this? [y/N] ")
	answer, err := bufio.NewReader(p.stdin).ReadString('\n')
	if err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		p.complain("not published")
		return silentError{}
	}
	return nil
}

const (
	applyTick  = 200 * time.Millisecond // between two repaints
	applyLine  = 5 * time.Second        // between two lines where there is no terminal
	applyAlone = 3 * time.Second        // of silence before it is looked whether any worker is there
)

// await shows how a revision is brought over all partitions, until it is. The end of ctx leaves it to the workers.
func (p *program) await(ctx context.Context, e *edit, r *rollout, tail *kafka.Tail) error {
	records := make(chan error, 1)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	go func() { records <- r.follow(reading, tail) }()
	screen, last, heard := isTerminal(p.stdout), time.Now(), time.Now()
	seen, told := 0, false
	ticker := time.NewTicker(applyTick)
	defer ticker.Stop()
	for {
		var err error
		over := false
		select {
		case err = <-records:
			over = true
		case <-ticker.C:
		}
		if n := r.heard(); n != seen {
			seen, heard = n, time.Now()
		}
		switch {
		case ctx.Err() != nil:
			if screen {
				fmt.Fprintln(p.stdout)
			}
			fmt.Fprintf(p.stdout, "revision %d stays published; the workers go on\n", r.revision)
			if !over {
				<-records
			}
			return nil
		case err != nil:
			return fmt.Errorf("revision %d is published, but its progress can't be followed: %w", r.revision, err)
		case over:
			if screen {
				fmt.Fprintf(p.stdout, "\r%s\n", r.bar())
			}
			r.summary(p.stdout)
			return nil
		case screen:
			fmt.Fprintf(p.stdout, "\r%s", r.bar())
		case time.Since(last) > applyLine:
			last = time.Now()
			fmt.Fprintln(p.stdout, r.line())
		}
		if told || time.Since(heard) < applyAlone {
			continue
		}
		heard = time.Now()
		if n, err := kafka.Members(ctx, e.kafka); err == nil && n == 0 {
			told = true
			fmt.Fprintf(p.stdout, "no worker is running: the revision comes in force when one does. Waiting; Ctrl-C leaves it\n")
		}
	}
}
