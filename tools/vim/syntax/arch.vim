" Syntax of .arch files: neural networks in the notation of the papers.
if exists('b:current_syntax')
  finish
endif

" Written by tools/editors.py, from the grammar and the catalogue of operators.
" vocabulary {{{
let s:statements = [
      \ 'exit', 'expect', 'input', 'let', 'net', 'note', 'output', 'paper', 'require', 'set', 'table', 'tap',
      \ 'tied', 'title', 'use', 'variant'
      \ ]
let s:reserved = [
      \ 'and', 'as', 'else', 'false', 'for', 'if', 'in', 'not', 'or', 'true', 'where'
      \ ]
let s:operators = [
      \ 'active_conv', 'adaptive_avgpool', 'adaptive_maxpool', 'add', 'anchor_grid', 'avgpool', 'bn',
      \ 'concat', 'conv', 'crop', 'decimate', 'decode_boxes', 'deformable_conv', 'deformable_ps_roi_pool',
      \ 'deformable_roi_pool', 'detect', 'dirac_conv', 'dropout', 'droppath', 'dwconv', 'elu', 'fc',
      \ 'flatten', 'gap', 'gelu', 'gmp', 'gn', 'gsum', 'hardsigmoid', 'hardswish', 'instancenorm', 'join',
      \ 'l2norm', 'leaky', 'ln', 'local_conv', 'lrn', 'max', 'maxpool', 'mean', 'mul', 'multibox_loss', 'pad',
      \ 'per_image', 'permute', 'pixel_shuffle', 'place', 'prelu', 'proposals', 'ps_roi_pool', 'rbf',
      \ 'refine', 'relu', 'relu6', 'reorg', 'reshape', 'roi_align', 'roi_loss', 'roi_pool', 'rpn_loss',
      \ 'rrelu', 'sample_rois', 'scaled_tanh', 'selu', 'shuffle', 'sigmoid', 'silu', 'skip', 'slice',
      \ 'softmax', 'space_to_depth', 'split', 'sub', 'subsample', 'tanh', 'times', 'upconv', 'upsample',
      \ 'warp_rois', 'wnconv', 'yolov1_boxes', 'yolov1_loss', 'yolov2_boxes', 'yolov2_loss'
      \ ]
let s:structures = [
      \ 'columns', 'dense', 'fractal', 'residual', 'rows', 'se'
      \ ]
let s:functions = [
      \ 'ceil', 'divisible', 'floor', 'len', 'log2', 'max', 'min', 'round', 'sqrt', 'sum'
      \ ]
" }}}

" Words, as long as they do not name an argument: what stands further down wins.
function! s:word(group, words) abort
  execute 'syntax match ' . a:group . ' /\<\%(' . join(a:words, '\|') . '\)\>\%(\s*==\@!\)\@!/'
endfunction
call s:word('archFunction', s:functions)
call s:word('archOperator', s:operators)
call s:word('archStructure', s:structures)
call s:word('archReserved', filter(copy(s:reserved), 'v:val !=# "as"'))
delfunction s:word

syntax keyword archBoolean true false
syntax match archInput /\<in\>/
syntax match archLoop /\%(\<for\s\+\h\w*\s\+\)\@<=in\>/

syntax match archNumber /\<\d\+\%(x\d\+\)*\>/
syntax match archNumber /\<\d\+\.\d\+\%([eE][+-]\?\d\+\)\?\>/
syntax match archNumber /\<\d\+[eE][+-]\?\d\+\>/
syntax match archOperatorSign /->\|[|*%+<>=!\/]\|-\|\.\./
syntax match archRepeat /\%([)}\]]\s*\|\s\)\@1<=x\ze\%(\s\+\d\|\s*(\)/
syntax match archRepeat /×/

" A statement's word is a name everywhere else, and so is one that is bound.
execute 'syntax match archStatement /\%(^\|[;{]\)\s*\zs\%(' . join(s:statements, '\|') . '\)\>\%(\s*=\)\@!/'
syntax match archReserved /\%("\s\+\)\@<=as\>/

" `name(a, b=1) where …:` defines; `name = …` binds; `name=` inside of a line is an argument.
syntax match archArgument /\<\h\w*\ze\s*==\@!/
syntax match archBinding /\%(^\|[;{]\)\s*\zs\h\w*\ze\s*\%(\[[^]]*\]\)\?\s*==\@!/
syntax match archBinding /\%(\<\%(let\|exit\|tap\|output\)\s\+\)\@<=\h\w*/
syntax match archNetwork /\%(\%(^\|;\)\s*\%(net\|variant\)\s\+\)\@<=\h\w*/
syntax match archDefinition /\%(^\|;\)\s*\%(tied\s\+\)\?\zs\h\w*\ze\s*\%((\%([^()]\|([^()]*)\)*)\)\?\%(\s\+where\s[^:{]*\)\?\s*:/
syntax match archMember /\.\@1<!\.\@1<=\h\w*/

syntax match archCell /[Xx.]/ contained
syntax region archTable matchgroup=archStatement start=/\%(^\|;\)\s*\zstable\ze\s\+\h\w*\s*{/ matchgroup=NONE end=/}/ keepend contains=archTableBody
syntax region archTableBody start=/{/ end=/}/ contained contains=archCell,archComment

syntax region archString start=/"/ skip=/\\./ end=/"/ oneline contains=archEscape
syntax match archEscape /\\./ contained
syntax keyword archTodo contained TODO FIXME XXX
syntax match archComment /#.*$/ contains=archTodo,archIgnore,@Spell
syntax match archIgnore /\<arch: ignore\%(-file\)\?\[[^]]*\]/ contained

highlight default link archStatement Statement
highlight default link archReserved Conditional
highlight default link archLoop Conditional
highlight default link archRepeat Repeat
highlight default link archStructure Structure
highlight default link archFunction Function
highlight default link archOperator Function
highlight default link archOperatorSign Operator
highlight default link archDefinition Type
highlight default link archNetwork Type
highlight default link archBinding Identifier
highlight default link archArgument Identifier
highlight default link archInput Special
highlight default link archBoolean Boolean
highlight default link archNumber Number
highlight default link archCell Number
highlight default link archString String
highlight default link archEscape SpecialChar
highlight default link archComment Comment
highlight default link archIgnore PreProc
highlight default link archTodo Todo

let b:current_syntax = 'arch'
