package main

import (
	"bufio"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// memoryShares is how a worker's memory is divided, in bytes.
type memoryShares struct {
	subjects int64 // subjects in memory, of all tasks
	blocks   int64 // the store's cache, its memtables included
	memTable int64 // one memtable
}

// shareMemory divides the limit of the process's memory; 0 stands for 60 % of what the machine or its cgroup has. It
// tells the garbage collector of the limit, less what the store holds outside of the heap.
func shareMemory(limit int64) memoryShares {
	if limit == 0 {
		limit = machineMemory() * 6 / 10
	}
	m := memoryShares{subjects: limit / 5, blocks: min(max(limit/8, 32<<20), 1<<30), memTable: 8 << 20}
	if limit >= 2<<30 {
		m.memTable = 64 << 20
	}
	debug.SetMemoryLimit(limit - m.blocks)
	return m
}

// machineMemory returns the bytes that this process may use: the cgroup's limit, else the machine's memory, else 4 GiB.
func machineMemory() int64 {
	total := int64(4 << 30)
	if f, err := os.Open("/proc/meminfo"); err == nil {
		defer func() { _ = f.Close() }() // only read from
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) == 3 && fields[0] == "MemTotal:" {
				if kb, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
					total = kb << 10
				}
				break
			}
		}
	}
	if b, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil {
			total = min(total, n)
		}
	}
	return total
}
