package kafka

import (
	"context"
	"time"
)

// pacer holds the first produce of a transaction until the commit markers of the one before are probably written.
//
// EndTxn is answered before the markers are. A produce that comes earlier is held by the broker for its retry
// back-off (add.partitions.to.txn.retry.backoff.ms, 20 ms by default), so that transactions back to back take about 24 ms
// each, and with a pause of about 3 ms some 4 ms. The rule: start with 3 ms; double the pause (from 1 ms at least)
// when a produce took about the back-off, which means that it was held; take a quarter off after a row of quick
// ones. The row that is asked for doubles with each held produce, so that probing does not itself cost much.
type pacer struct {
	enabled  bool
	pause    time.Duration
	last     time.Time // end of the last transaction; zero: none yet
	paced    bool      // the next produce follows the last end closely enough to tell something
	quick    int       // quick produces in a row
	patience int       // how many are asked for
}

const (
	pauseStart    = 3 * time.Millisecond
	pauseMax      = 8 * time.Millisecond
	pauseFirst    = time.Millisecond       // after none
	pauseNone     = 200 * time.Microsecond // below: none
	heldAfter     = 17 * time.Millisecond  // a produce that took longer was held, or is large
	bytesPerSec   = 40 << 20               // what a produce may take for its size is not counted
	patienceStart = 32
	patienceMax   = 4096
)

func newPacer() pacer { return pacer{enabled: true, pause: pauseStart, patience: patienceStart} }

// wait returns when the next transaction may produce.
func (p *pacer) wait(ctx context.Context) {
	if !p.enabled || p.last.IsZero() {
		return
	}
	left := time.Until(p.last.Add(p.pause))
	p.paced = left > -pauseMax // long after the last end every produce is quick
	if left <= 0 {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// produced adapts the pause to how long the produce of size bytes took.
func (p *pacer) produced(took time.Duration, size int) {
	if !p.enabled || !p.paced {
		return
	}
	if took-time.Duration(size)*time.Second/bytesPerSec >= heldAfter {
		p.pause = min(max(p.pause*2, pauseFirst), pauseMax)
		p.patience = min(p.patience*2, patienceMax)
		p.quick = 0
		return
	}
	if p.quick++; p.quick < p.patience {
		return
	}
	p.quick = 0
	if p.pause = p.pause * 3 / 4; p.pause < pauseNone {
		p.pause = 0
	}
}

// ended notes the end of a transaction.
func (p *pacer) ended() { p.last = time.Now() }
